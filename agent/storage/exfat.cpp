#include "wire/storage/exfat.h"

#include "agent/storage/kinds.h"

namespace ka::agent {

namespace {

using storage::Exfat;

// mkfs.exfat takes no serial number.
std::vector<Command> make(const Job& job) {
  const Exfat exfat = storage::exfat_on(storage::as<Exfat>(job.node), job.ground);
  std::vector<std::string> argv = {"mkfs.exfat", "-c", std::to_string(exfat.cluster_size)};
  if (!exfat.label.empty()) argv.insert(argv.end(), {"-L", exfat.label});
  argv.push_back(job.device);
  std::vector<Command> commands = {Command(std::move(argv))};
  if (exfat.uuid.size() == 9) {
    const std::string serial = "0x" + exfat.uuid.substr(0, 4) + exfat.uuid.substr(5);
    commands.emplace_back(std::vector<std::string>{"tune.exfat", "-I", serial, job.device});
  }
  return commands;
}

Command check(const Job& job) { return Command({"fsck.exfat", "-n", job.device}); }

std::string mount_type(const storage::Node&) { return "exfat"; }
std::string mount_data(const storage::Node&, const std::string& options, bool) { return options; }

}  // namespace

const Maker exfat_maker = {.programs = {"mkfs.exfat", "tune.exfat", "fsck.exfat"},
                           .longest_label = 33,
                           .make = make,
                           .check = check,
                           .mount_type = mount_type,
                           .mount_data = mount_data,
                           .modules = charset_modules};

}  // namespace ka::agent
