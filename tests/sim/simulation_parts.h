#pragma once
/// What a Simulation is made of; for its own sources only.

#include <deque>
#include <utility>

#include "tests/sim/simulation.h"

namespace ka::sim {

using namespace std::chrono_literals;
using namespace wire;

constexpr unsigned server = ~0u;
constexpr Time report_every = 100ms, look_again_after = 1s;
constexpr std::uint16_t server_port = 1, first_node_port = 2;

// The stream's bytes follow from the seed and their place.
inline std::uint64_t word_at(std::uint64_t seed, std::uint64_t offset) {
  std::uint64_t x = seed ^ (offset + 0x9e3779b97f4a7c15u);
  x ^= x >> 31;
  x *= 0xbf58476d1ce4e5b9u;
  return x ^ x >> 29;
}

struct Simulation::Hop {
  unsigned upstream = server;
  unsigned receiver = 0;
  HopOpen open;
  Place next;                         // to send
  std::optional<std::uint64_t> back;  // what was sent behind this was taken back
  bool served = false, broken = false, end_sent = false;
  Time free_at{0};  // the line has carried what was sent so far
  struct Item {
    Time arrives;
    ChunkPtr chunk;    // a seal too; nullptr: a header alone
    ChunkHeader mark;  // the end, or what is taken back
  };
  std::deque<Item> under_way;
};

struct Simulation::Node {
  unsigned index = 0;
  Fault fault;
  bool running = false, frozen = false, cut = false;
  unsigned life = 0;  // what was planned in an earlier life does not happen
  NodeId connection = 0;
  std::vector<std::pair<NodeId, Message>> unheard;  // while frozen
  std::optional<NodeStream> stream;
  Endpoint server_end;
  bool finished = false, ok = false, failed = false, came = false;
  bool has_stage2 = false, wrote = false, said_done = false, lies = false, closing = false;
  std::size_t session = 0;  // that it wants or has
  std::optional<std::uint64_t> question;
  Time last_word{0};
  bool sink_works = false;
  unsigned times_finished = 0, times_done = 0;
  std::uint64_t reported = 0;
  Time relay_busy{0};
  std::uint64_t checked = 0;  // bytes that the sink took and that were right
  std::shared_ptr<Hop> in, out;

  bool healthy() const { return fault.kind == Fault::Kind::none; }
  bool talks() const { return running && !frozen && !cut; }
};

}  // namespace ka::sim
