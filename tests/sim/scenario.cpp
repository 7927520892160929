// What happens in a simulation: by a seed, and as text.

#include <algorithm>

#include "tests/sim/simulation.h"

namespace ka::sim {

using namespace std::chrono_literals;
using wire::least_chunks_in_window;

Scenario Scenario::from_seed(std::uint64_t seed, unsigned most_nodes) {
  std::mt19937_64 random(seed * 0x9e3779b97f4a7c15u + 1);
  auto pick = [&](std::uint64_t low, std::uint64_t high) { return low + random() % (high - low + 1); };
  auto one_in = [&](unsigned n) { return random() % n == 0; };
  Scenario s;
  s.seed = seed;
  s.nodes = static_cast<unsigned>(one_in(8) ? pick(1, most_nodes) : pick(1, std::min(most_nodes, 12u)));
  s.bytes = one_in(20) ? pick(0, 3000) : pick(50'000, 600'000);
  s.window = s.chunk * pick(least_chunks_in_window * 2, 128);
  s.line = static_cast<double>(pick(80'000, 300'000));
  s.latency = Time(pick(50, 5000));
  const unsigned trouble = static_cast<unsigned>(pick(0, 3));  // quarters of the nodes, about
  const std::uint64_t span = 1'500'000 + static_cast<std::uint64_t>(1e6 * static_cast<double>(s.bytes) / s.line);
  for (unsigned i = 0; i < s.nodes; ++i) {
    Fault fault;
    if (pick(0, 7) < trouble) fault.kind = static_cast<Fault::Kind>(pick(1, 7));
    fault.at = Time(pick(0, span));
    fault.lasts = one_in(2) ? Time(pick(1000, 700'000)) : Time(pick(700'000, 30'000'000));
    if (fault.kind == Fault::Kind::sink_fails && fault.at.count() % 2 == 0) fault.kind = Fault::Kind::sink_hangs;
    if (one_in(2)) fault.back_after = Time(pick(10'000, 8'000'000));
    fault.rate = s.line * (one_in(2) ? 0.02 : 0.3);
    fault.share = one_in(4) ? 1.0 : 0.05;
    s.faults.push_back(fault);
    s.joins.push_back(one_in(6) ? Time(pick(0, span)) : Time(pick(0, 200'000)));
  }
  s.packed = seed % 4 == 0;
  s.start_after = one_in(2) ? Time(pick(10'000, 1'000'000)) : Time(3s);
  if (one_in(25)) s.source_fails_at = pick(0, s.bytes);
  if (one_in(25)) s.stopped_at = Time(pick(0, span));
  s.add_operator_and_server(seed, span);
  return s;
}

// With numbers of their own, so that what a seed did before these were there it still does.
void Scenario::add_operator_and_server(std::uint64_t seed, std::uint64_t span) {
  std::mt19937_64 random(seed * 0xd1342543de82ef95u + 7);
  auto pick = [&](std::uint64_t low, std::uint64_t high) { return low + random() % (high - low + 1); };
  auto one_in = [&](unsigned n) { return random() % n == 0; };
  clone = one_in(2);
  confirm = clone && one_in(3);
  operator_thinks = Time(pick(0, 20'000'000));
  operator_says_no = one_in(6);
  for (unsigned i = 0; i < nodes; ++i) {
    checks_for.push_back(Time(pick(0, 3'000'000)));
    works_for.push_back(Time(pick(0, 5'000'000)));
  }
  if (one_in(8) && !stopped_at) stopped_at = Time(pick(0, 2 * span + 10'000'000));
  if (one_in(8)) {
    server_dies_at = Time(pick(0, 2 * span + 5'000'000));
    dies_silently = one_in(2);
    server_back_after = Time(pick(100'000, 20'000'000));
  }
  if (one_in(8)) {
    server_pauses_at = Time(pick(0, span));
    pauses_for = Time(pick(100'000, 9'000'000));
  }
  if (one_in(6)) faults[pick(0, nodes - 1)].kind = Fault::Kind::deaf_at_end;
  // One alone: two of them could accuse a third together.
  if (one_in(5)) faults[pick(0, nodes - 1)].kind = Fault::Kind::lies;
  sealed = !one_in(3);
  // Several may work together.
  if (sealed && one_in(3)) {
    for (std::uint64_t i = pick(1, 3); i > 0; --i) faults[pick(0, nodes - 1)].kind = Fault::Kind::forges;
  }
}

std::string Scenario::text() const {
  static const char* names[] = {"none",       "killed",          "frozen",     "cut",
                                "slow sink",  "slow link",       "sink fails", "corrupts",
                                "sink hangs", "deaf at its end", "lies",       "forges"};
  std::string text = "seed " + std::to_string(seed) + ": " + std::to_string(nodes) + " nodes, " +
                     std::to_string(bytes) + " bytes, window " + std::to_string(window) + ", line " +
                     std::to_string(line) + " B/s";
  if (sealed) text += ", sealed";
  if (clone) text += ", a clone";
  if (confirm) text += operator_says_no ? ", the operator says no" : ", the operator says yes";
  if (stopped_at) text += ", stopped at " + std::to_string(stopped_at->count());
  if (server_dies_at)
    text += ", the server dies at " + std::to_string(server_dies_at->count()) + (dies_silently ? " silently" : "") +
            ", back after " + std::to_string(server_back_after.count());
  if (server_pauses_at)
    text += ", the server pauses at " + std::to_string(server_pauses_at->count()) + " for " +
            std::to_string(pauses_for.count());
  for (std::size_t i = 0; i < faults.size(); ++i) {
    const Fault& f = faults[i];
    if (f.kind != Fault::Kind::none)
      text += "\n  node " + std::to_string(i) + " " + names[static_cast<int>(f.kind)] + " at " +
              std::to_string(f.at.count()) + " for " + std::to_string(f.lasts.count()) + " back " +
              std::to_string(f.back_after.count()) + " rate " + std::to_string(f.rate) + " share " +
              std::to_string(f.share);
  }
  return text;
}

}  // namespace ka::sim
