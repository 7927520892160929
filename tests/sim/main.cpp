// ka_sim: runs the chain over a simulated network, seed after seed.
//   ka_sim [--from SEED] [--count N] [--nodes MOST] [--log]
// A seed that goes wrong is run again with its event log; exit status 1 then.

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tests/sim/simulation.h"

namespace {

struct Arguments {
  std::uint64_t from = 1, count = 1000;
  unsigned nodes = 64;
  bool log = false;
};

Arguments parse(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    auto value = [&] { return std::strtoull(i + 1 < argc ? argv[++i] : "0", nullptr, 10); };
    if (std::strcmp(argv[i], "--from") == 0) {
      arguments.from = value();
    } else if (std::strcmp(argv[i], "--count") == 0) {
      arguments.count = value();
    } else if (std::strcmp(argv[i], "--nodes") == 0) {
      arguments.nodes = static_cast<unsigned>(value());
    } else if (std::strcmp(argv[i], "--log") == 0) {
      arguments.log = true;
    } else {
      std::fprintf(stderr, "usage: %s [--from SEED] [--count N, 0: for ever] [--nodes MOST] [--log]\n", argv[0]);
      std::exit(2);
    }
  }
  return arguments;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace ka::sim;
  const Arguments arguments = parse(argc, argv);
  std::uint64_t events = 0, done = 0, nodes = 0;
  for (std::uint64_t i = 0; arguments.count == 0 || i < arguments.count; ++i) {
    const std::uint64_t seed = arguments.from + i;
    Scenario scenario = Scenario::from_seed(seed, arguments.nodes);
    Outcome outcome = Simulation(scenario, arguments.log).run();
    events += outcome.events;
    done += outcome.done;
    nodes += scenario.nodes;
    if (!outcome.violations.empty()) {
      if (!arguments.log) Simulation(scenario, true).run();
      std::fprintf(stderr, "%s\n", scenario.text().c_str());
      for (const std::string& text : outcome.violations)
        std::fprintf(stderr, "seed %llu: %s\n", static_cast<unsigned long long>(seed), text.c_str());
      std::fprintf(stderr, "again: %s --from %llu --count 1 --nodes %u --log\n", argv[0],
                   static_cast<unsigned long long>(seed), arguments.nodes);
      return 1;
    }
    if (arguments.count == 0 && i % 100 == 99)
      std::printf("%llu seeds\n", static_cast<unsigned long long>(i + 1)), std::fflush(stdout);
  }
  std::printf("%llu seeds, %llu nodes of which %llu done, %llu events: all as it must be\n",
              static_cast<unsigned long long>(arguments.count), static_cast<unsigned long long>(nodes),
              static_cast<unsigned long long>(done), static_cast<unsigned long long>(events));
  return 0;
}
