// A thousand nodes at 10 Gbit/s and 0.1 ms a hop get 100 GB: the state machines of wire/ over a virtual network and
// clock. Prints the seconds of one node, of all, and of all while one in a hundred is killed, as JSON.
//
// A simulated byte stands for `scale` bytes, and a simulated chunk for 64 of the longest ones, which a relay passes on
// one by one. The windows are those that a server takes by itself.

#include <cstdio>
#include <cstdlib>

#include "tests/sim/simulation.h"

namespace {

using namespace ka;

constexpr double scale = 16384;
constexpr unsigned pieces = 64;
constexpr double bytes = 100e9, bytes_a_second = 1.25e9;

sim::Scenario scenario(unsigned nodes, unsigned killed) {
  sim::Scenario s;
  s.seed = nodes + killed;
  s.nodes = nodes;
  s.bytes = static_cast<std::uint64_t>(bytes / scale);
  s.chunk = static_cast<std::uint32_t>(wire::longest_chunk / scale * pieces);
  s.pieces = pieces;
  s.window = static_cast<std::uint64_t>(static_cast<double>(wire::default_window(nodes)) / scale);
  s.line = bytes_a_second / scale;
  s.latency = wire::Time(100);
  s.start_after = std::chrono::seconds(10);
  s.faults.resize(nodes);
  s.joins.resize(nodes);
  std::mt19937_64 random(s.seed);
  for (unsigned i = 0; i < killed; ++i) {
    sim::Fault& fault = s.faults[random() % nodes];
    fault.kind = sim::Fault::Kind::killed;
    const auto span = static_cast<std::uint64_t>(1e6 * bytes / bytes_a_second);
    fault.at = wire::Time(static_cast<wire::Time::rep>(random() % span));
  }
  return s;
}

double seconds(unsigned nodes, unsigned killed) {
  const sim::Outcome outcome = sim::Simulation(scenario(nodes, killed)).run();
  for (const std::string& text : outcome.violations) std::fprintf(stderr, "%u nodes: %s\n", nodes, text.c_str());
  if (!outcome.violations.empty() || outcome.done < nodes - killed) std::exit(1);
  const auto events = static_cast<unsigned long long>(outcome.events);
  std::fprintf(stderr, "%u nodes, %u killed: %llu events\n", nodes, killed, events);
  return static_cast<double>((outcome.last_done - outcome.began).count()) / 1e6;
}

}  // namespace

int main(int argc, char** argv) {
  const unsigned nodes = argc > 1 ? static_cast<unsigned>(std::atoi(argv[1])) : 1000;
  const double one = seconds(1, 0), all = seconds(nodes, 0), killed = seconds(nodes, nodes / 100);
  std::printf("{\"one\": %.4f, \"all\": %.4f, \"killed\": %.4f}\n", one, all, killed);
}
