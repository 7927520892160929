#include "wire/storage/fat.h"

#include <algorithm>

#include "agent/storage/kinds.h"

namespace ka::agent {

namespace {

using storage::Fat;

std::vector<Command> make(const Job& job) {
  const Fat fat = storage::fat_on(storage::as<Fat>(job.node), job.ground);
  const std::uint32_t sector = job.ground.sector;
  std::vector<std::string> argv = {"mkfs.fat",
                                   "-F",
                                   std::to_string(fat.width),
                                   "-S",
                                   std::to_string(sector),
                                   "-s",
                                   std::to_string(fat.cluster_size / sector),
                                   "-f",
                                   std::to_string(fat.tables)};
  if (fat.root_entries) argv.insert(argv.end(), {"-r", std::to_string(fat.root_entries)});
  if (!fat.uuid.empty()) {
    std::string id = fat.uuid;
    id.erase(std::remove(id.begin(), id.end(), '-'), id.end());
    argv.insert(argv.end(), {"-i", id});
  }
  if (!fat.label.empty()) argv.insert(argv.end(), {"-n", fat.label});
  argv.push_back(job.device);
  return {Command(std::move(argv))};
}

Command check(const Job& job) { return Command({"fsck.fat", "-n", job.device}); }

std::string mount_type(const storage::Node&) { return "vfat"; }

// There is nobody to whom a file could belong: to be told so for each of them is of no use (quiet).
std::string mount_data(const storage::Node&, const std::string& options, bool read_only) {
  return (options.empty() ? "" : options + ",") + (read_only ? "" : "quiet,") + "errors=remount-ro";
}

}  // namespace

const Maker fat_maker = {.programs = {"mkfs.fat", "fsck.fat"},
                         .longest_label = 11,
                         .staged = true,
                         .make = make,
                         .check = check,
                         .mount_type = mount_type,
                         .mount_data = mount_data,
                         .modules = charset_modules};

}  // namespace ka::agent
