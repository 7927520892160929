#include <algorithm>

#include "agent/storage/kinds.h"
#include "wire/storage/kinds.h"

namespace ka::agent {

namespace {

using storage::Xfs;

// Each is said, on or off: what a newer mkfs.xfs turns on by itself the golden kernel and its GRUB may not know.
struct Word {
  char option;
  const char* word;
};
constexpr Word words[] = {{'m', "crc"},         {'m', "finobt"},  {'m', "rmapbt"},    {'m', "reflink"},
                          {'m', "inobtcount"},  {'m', "bigtime"}, {'i', "sparse"},    {'i', "nrext64"},
                          {'i', "projid32bit"}, {'n', "ftype"},   {'l', "lazy-count"}};

bool has(const Xfs& x, const char* feature) {
  return std::find(x.features.begin(), x.features.end(), feature) != x.features.end();
}

std::string with_words(std::string options, const Xfs& x, char option) {
  for (const Word& w : words)
    if (w.option == option)
      options += (options.empty() ? "" : ",") + std::string(w.word) + (has(x, w.word) ? "=1" : "=0");
  return options;
}

std::vector<std::string> options(const Xfs& x, std::uint64_t size) {
  std::vector<std::string> argv = {"mkfs.xfs"};
  // Of an older mkfs.xfs.
  if (size < storage::least_xfs) argv.emplace_back("--unsupported");
  const std::string naming = "size=" + std::to_string(x.directory_size) + (has(x, "ascii-ci") ? ",version=ci" : "");
  argv.insert(argv.end(), {"-q", "-f", "-K", "-b", "size=" + std::to_string(x.block_size), "-m",
                           with_words(x.uuid.empty() ? "" : "uuid=" + x.uuid, x, 'm'), "-i",
                           with_words("size=" + std::to_string(x.inode_size) + ",maxpct=" +
                                          std::to_string(x.inode_percent) + (has(x, "attr2") ? ",attr=2" : ",attr=1"),
                                      x, 'i'),
                           "-n", with_words(naming, x, 'n'), "-l", with_words("", x, 'l')});
  if (!x.label.empty()) argv.insert(argv.end(), {"-L", x.label});
  return argv;
}

std::vector<Command> make(const Job& job) {
  auto argv = options(storage::as<Xfs>(job.node), job.ground.bytes);
  argv.push_back(job.device);
  return {Command(std::move(argv))};
}

Command dry_run(const Job& job, const std::string& file) {
  auto argv = options(storage::as<Xfs>(job.node), job.ground.bytes);
  argv.insert(argv.end(), {"-N", "-d", "file,name=" + file + ",size=" + std::to_string(job.ground.bytes)});
  return Command(std::move(argv));
}

std::string mount_type(const storage::Node&) { return "xfs"; }

std::string mount_data(const storage::Node&, const std::string& options, bool read_only) {
  return read_only ? "" : options;
}

}  // namespace

// No check: xfs_repair would look at every inode with all the memory that is there; that nothing is left in the log
// shows when the kernel mounts it to read the files back.
const Maker xfs_maker = {.programs = {"mkfs.xfs"},
                         .longest_label = 12,
                         .make = make,
                         .dry_run = dry_run,
                         .mount_type = mount_type,
                         .mount_data = mount_data};

}  // namespace ka::agent
