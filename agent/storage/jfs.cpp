#include "agent/storage/kinds.h"

namespace ka::agent {

namespace {

using storage::Jfs;

// jfs_mkfs takes no UUID.
std::vector<Command> make(const Job& job) {
  const Jfs& jfs = storage::as<Jfs>(job.node);
  std::vector<std::string> argv = {"jfs_mkfs", "-q"};
  if (jfs.ignores_case) argv.emplace_back("-O");
  if (!jfs.label.empty()) argv.insert(argv.end(), {"-L", jfs.label});
  argv.push_back(job.device);
  std::vector<Command> commands = {Command(std::move(argv))};
  if (!jfs.uuid.empty()) commands.emplace_back(std::vector<std::string>{"jfs_tune", "-U", jfs.uuid, job.device});
  return commands;
}

std::string mount_type(const storage::Node&) { return "jfs"; }
std::string mount_data(const storage::Node&, const std::string& options, bool) { return options; }

}  // namespace

const Maker jfs_maker = {.programs = {"jfs_mkfs", "jfs_tune"},
                         .longest_label = 16,
                         .make = make,
                         .mount_type = mount_type,
                         .mount_data = mount_data,
                         .modules = charset_modules};

}  // namespace ka::agent
