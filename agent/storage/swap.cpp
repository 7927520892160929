#include "agent/storage/kinds.h"

namespace ka::agent {

namespace {

std::vector<Command> make(const Job& job) {
  const auto& swap = storage::as<storage::Swap>(job.node);
  std::vector<std::string> argv = {"mkswap"};
  if (!swap.uuid.empty()) argv.insert(argv.end(), {"-U", swap.uuid});
  if (!swap.label.empty()) argv.insert(argv.end(), {"-L", swap.label});
  argv.push_back(job.device);
  return {Command(std::move(argv))};
}

}  // namespace

const Maker swap_maker = {.programs = {"mkswap"}, .longest_label = 15, .make = make};

}  // namespace ka::agent
