#include <algorithm>

#include "agent/storage/kinds.h"

namespace ka::agent {

namespace {

using storage::Btrfs;
using storage::Subvolume;

// Features that mkfs.btrfs turns on unless it is told not to; those of the other option are "runtime" ones.
const char* const by_default[] = {"extref", "skinny-metadata", "no-holes"};
constexpr const char* free_space_tree = "free-space-tree";
constexpr const char* mixed = "mixed-bg";

bool has(const Btrfs& fs, const std::string& word) {
  return std::find(fs.features.begin(), fs.features.end(), word) != fs.features.end();
}

std::vector<std::string> options(const Btrfs& fs) {
  std::vector<std::string> argv = {
      "mkfs.btrfs", "-q", "-f", "-n", std::to_string(fs.node), "-s", std::to_string(fs.sector), "--csum", fs.checksum};
  auto add = [&argv](const char* option, const std::string& value) {
    if (!value.empty()) argv.insert(argv.end(), {option, value});
  };
  add("-U", fs.uuid);
  add("-L", fs.label);
  add("-m", fs.metadata);
  add("-d", has(fs, mixed) ? fs.metadata : fs.data);
  if (has(fs, mixed)) argv.emplace_back("-M");
  std::string features;
  for (const char* word : by_default)
    features += (features.empty() ? "" : ",") + std::string(has(fs, word) ? "" : "^") + word;
  add("-O", features);
  add("-R", std::string(has(fs, free_space_tree) ? "" : "^") + free_space_tree);
  return argv;
}

// A program of stage2's shell with the top of the file system mounted; its arguments are in "$@", its place is in $top.
Command at_the_top(const std::string& device, const std::string& work, std::vector<std::string> arguments) {
  const std::string script =
      "set -e; top=/tmp/ka-btrfs; mkdir -p $top; mount -t btrfs -o noatime,subvolid=5 \"$0\" $top; "
      "trap 'umount $top' EXIT; " +
      work + "; trap - EXIT; umount $top";
  std::vector<std::string> argv = {"sh", "-c", script, device};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return Command(std::move(argv));
}

// So many bytes of arguments at once are taken by every kernel.
constexpr std::size_t most_arguments = 64 << 10;

std::vector<Command> for_paths(const std::string& device, const std::string& work,
                               const std::vector<std::string>& paths) {
  std::vector<Command> commands;
  std::vector<std::string> some;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    some.push_back(paths[i]);
    bytes += paths[i].size() + 1;
    if (bytes < most_arguments && i + 1 < paths.size()) continue;
    commands.push_back(at_the_top(device, work, some));
    some.clear();
    bytes = 0;
  }
  return commands;
}

std::vector<std::string> paths_of(const Btrfs& fs, bool (*wanted)(const Subvolume&)) {
  std::vector<std::string> paths;
  for (const Subvolume& s : fs.subvolumes)
    if (wanted(s)) paths.push_back(s.path);
  return paths;
}

std::vector<Command> make(const Job& job) {
  const Btrfs& fs = storage::as<Btrfs>(job.node);
  std::vector<Command> commands;
  auto argv = options(fs);
  argv.push_back(job.device);
  commands.emplace_back(std::move(argv));
  auto add = [&](const char* work, bool (*wanted)(const Subvolume&)) {
    for (Command& command : for_paths(job.device, work, paths_of(fs, wanted))) commands.push_back(std::move(command));
  };
  // A directory on the way gets its owner, mode and time with the files.
  add("for path; do case \"$path\" in */*) mkdir -p \"$top/${path%/*}\";; esac; "
      "btrfs -q subvolume create \"$top/$path\"; done",
      [](const Subvolume&) { return true; });
  add("btrfs -q subvolume set-default \"$top/$1\"", [](const Subvolume& s) { return s.is_default; });
  return commands;
}

std::vector<Command> finish(const Job& job) {
  const auto paths = paths_of(storage::as<Btrfs>(job.node), [](const Subvolume& s) { return s.read_only; });
  return for_paths(job.device, "for path; do btrfs property set -t subvol \"$top/$path\" ro true; done", paths);
}

// In RAM, on a file that has the size and no content. Without the UUID: mkfs.btrfs makes no second file system with one
// that it finds on any device, and the disk that is to be overwritten may have it, from an earlier clone or round.
Command dry_run(const Job& job, const std::string& file) {
  Btrfs fs = storage::as<Btrfs>(job.node);
  fs.uuid.clear();
  auto argv = options(fs);
  argv.push_back(file);
  std::vector<std::string> all = {
      "sh", "-c", "truncate -s \"$0\" \"$1\"; file=$1; shift; \"$@\"; status=$?; truncate -s 0 \"$file\"; exit $status",
      std::to_string(job.ground.bytes), file};
  all.insert(all.end(), argv.begin(), argv.end());
  return Command(std::move(all));
}

std::string mount_type(const storage::Node&) { return "btrfs"; }

// One file system is mounted several times, and has the options of the first.
std::string mount_data(const storage::Node&, const std::string& options, bool) { return options; }

}  // namespace

const Maker btrfs_maker = {.programs = {"sh", "mkdir", "mount", "umount", "truncate", "mkfs.btrfs", "btrfs"},
                           .longest_label = 255,
                           .make = make,
                           .finish = finish,
                           .dry_run = dry_run,
                           .mount_type = mount_type,
                           .mount_data = mount_data};

}  // namespace ka::agent
