#include "agent/storage/kinds.h"

namespace ka::agent {

namespace {

using storage::Reiserfs;

std::vector<Command> make(const Job& job) {
  const Reiserfs& reiser = storage::as<Reiserfs>(job.node);
  std::vector<std::string> argv = {"mkreiserfs", "-q",  "-f", "-f",
                                   "--format",   "3.6", "-b", std::to_string(reiser.block_size)};
  if (!reiser.hash.empty()) argv.insert(argv.end(), {"-h", reiser.hash});
  if (!reiser.uuid.empty()) argv.insert(argv.end(), {"-u", reiser.uuid});
  if (!reiser.label.empty()) argv.insert(argv.end(), {"-l", reiser.label});
  argv.push_back(job.device);
  return {Command(std::move(argv))};
}

std::string mount_type(const storage::Node&) { return "reiserfs"; }
std::string mount_data(const storage::Node&, const std::string& options, bool) { return options; }

}  // namespace

const Maker reiserfs_maker = {
    .programs = {"mkreiserfs"}, .longest_label = 16, .make = make, .mount_type = mount_type, .mount_data = mount_data};

}  // namespace ka::agent
