#include "agent/format.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace ka::agent {

namespace {

using wire::FileSystem;

// Set and cleared by the kernel or e2fsck as things happen; mke2fs knows no such option.
const char* const states_not_features[] = {"needs_recovery", "orphan_present", "journal_dev"};

constexpr std::uint64_t mib = 1 << 20;

std::uint64_t ext_block_size(const FileSystem& f) { return f.block_size ? f.block_size : 4096; }

// mke2fs.conf: an inode for every 4 KiB of a small file system, for every 16 KiB of others.
std::uint64_t ext_default_inodes(std::uint64_t size) { return size / (size < 512 * mib ? 4096 : 16384); }

// The golden node may have been made with a denser ratio (mke2fs -T news); a quarter is room to grow.
std::uint64_t ext_inodes(const FileSystem& f, std::uint64_t size) {
  return std::max(ext_default_inodes(size), f.inodes_used + f.inodes_used / 4);
}

// ext2fs_default_journal_size(): blocks of journal by blocks of file system.
std::uint64_t ext_journal(const FileSystem& f, std::uint64_t size) {
  if (f.type == "ext2") return 0;
  std::uint64_t block = ext_block_size(f), blocks = size / block, journal = 0;
  const std::pair<std::uint64_t, std::uint64_t> steps[] = {
      {2048, 1024},        {32768, 4096},       {256 << 10, 8192},     {512 << 10, 16384},
      {4096 << 10, 32768}, {8192 << 10, 65536}, {16384 << 10, 131072}, {32768 << 10, 262144}};
  for (auto [at_least, size_then] : steps)
    if (blocks >= at_least) journal = size_then;
  return journal * block;
}

std::uint64_t ext_need(const FileSystem& f, std::uint64_t size) {
  std::uint64_t inode_tables = ext_inodes(f, size) * (f.inode_size ? f.inode_size : 256);
  // Bitmaps, group descriptors and their copies; and directories and extents that fall out a little larger.
  return f.used + f.used / 50 + inode_tables + ext_journal(f, size) + size / 512 + mib;
}

std::vector<std::string> ext_options(const FileSystem& f, std::uint64_t size) {
  std::vector<std::string> argv = {"mke2fs", "-q", "-F", "-t", f.type};
  auto add = [&argv](const char* option, const std::string& value) {
    if (value.empty()) return;
    argv.emplace_back(option);
    argv.push_back(value);
  };
  add("-U", f.uuid);
  add("-L", f.label);
  if (f.block_size) add("-b", std::to_string(f.block_size));
  if (f.inode_size) add("-I", std::to_string(f.inode_size));
  if (ext_inodes(f, size) > ext_default_inodes(size)) add("-N", std::to_string(ext_inodes(f, size)));
  std::string features;
  for (const std::string& feature : f.features)
    if (std::find(std::begin(states_not_features), std::end(states_not_features), feature) ==
        std::end(states_not_features))
      features += "," + feature;
  if (!features.empty()) add("-O", "none" + features);
  return argv;
}

Command ext_format(const FileSystem& f, const std::string& device, std::uint64_t size) {
  auto argv = ext_options(f, size);
  argv.push_back(device);
  return Command(std::move(argv));
}

Command ext_dry_run(const FileSystem& f, const std::string& file, std::uint64_t size) {
  auto argv = ext_options(f, size);
  argv.insert(argv.begin() + 1, "-n");
  argv.push_back(file);
  argv.push_back(std::to_string(size / 1024) + "k");
  return Command(std::move(argv));
}

Command ext_check(const std::string& device) { return Command({"e2fsck", "-n", device}); }

bool ext_journals(const FileSystem& f) {
  if (f.type == "ext2") return false;
  return f.features.empty() || std::find(f.features.begin(), f.features.end(), "has_journal") != f.features.end();
}

std::string ext_mount_data(const FileSystem& f) {
  std::string data = f.options + (f.options.empty() ? "" : ",");
  // A clone is of no use after the first error, whatever the golden file system is told to do then.
  data += "errors=remount-ro";
  // Else a block of data that could not be written is nobody's business.
  if (ext_journals(f)) data += ",data_err=abort";
  // The kernel would fill the inode tables with zeros while the data comes in; it does so after the first boot.
  if (f.type == "ext4") data += ",noinit_itable";
  return data;
}

Command swap_format(const FileSystem& f, const std::string& device, std::uint64_t) {
  std::vector<std::string> argv = {"mkswap"};
  if (!f.uuid.empty()) argv.insert(argv.end(), {"-U", f.uuid});
  if (!f.label.empty()) argv.insert(argv.end(), {"-L", f.label});
  argv.push_back(device);
  return Command(std::move(argv));
}

std::uint64_t swap_need(const FileSystem&, std::uint64_t) { return mib; }
std::string options_alone(const FileSystem& f) { return f.options; }

struct Kind {
  const char* type;
  std::vector<std::string> programs;
  std::size_t longest_label;
  std::uint64_t (*need)(const FileSystem&, std::uint64_t size);
  Command (*format)(const FileSystem&, const std::string& device, std::uint64_t size);
  Command (*dry_run)(const FileSystem&, const std::string& file, std::uint64_t size);  // or none
  Command (*check)(const std::string& device);                                         // or none
  std::string (*mount_data)(const FileSystem&);
};

const Kind& kind_of(const FileSystem& f) {
  static const std::vector<std::string> e2fsprogs = {"mke2fs", "e2fsck"};
  static const Kind kinds[] = {
      {"ext2", e2fsprogs, 16, ext_need, ext_format, ext_dry_run, ext_check, ext_mount_data},
      {"ext3", e2fsprogs, 16, ext_need, ext_format, ext_dry_run, ext_check, ext_mount_data},
      {"ext4", e2fsprogs, 16, ext_need, ext_format, ext_dry_run, ext_check, ext_mount_data},
      {"swap", {"mkswap"}, 15, swap_need, swap_format, nullptr, nullptr, options_alone},
  };
  std::string known;
  for (const Kind& kind : kinds) {
    if (f.type == kind.type) return kind;
    known += std::string(known.empty() ? "" : ", ") + kind.type;
  }
  throw Error("make the file system of " + f.disk + " partition " + std::to_string(f.partition),
              f.type + " is not supported; this version makes " + known);
}

}  // namespace

std::vector<std::string> programs_for(const FileSystem& f) { return kind_of(f).programs; }

void check_fit(const FileSystem& f, std::uint64_t size) {
  const Kind& kind = kind_of(f);
  std::string doing = "fit the golden " + f.disk + " partition " + std::to_string(f.partition) +
                      (f.mount_point.empty() ? "" : " (" + f.mount_point + ")");
  if (std::uint64_t need = kind.need(f, size); need > size)
    throw Error(doing, "it holds " + format_size(f.used) + " and needs about " + format_size(need) + " as " + f.type +
                           "; there are " + format_size(size));
  if (f.label.size() > kind.longest_label)
    throw Error(doing, "the label " + escape_bytes(f.label) + " is too long for " + f.type);
}

Command format_command(const FileSystem& f, const std::string& device, std::uint64_t size) {
  return kind_of(f).format(f, device, size);
}

std::optional<Command> dry_run_command(const FileSystem& f, const std::string& file, std::uint64_t size) {
  const Kind& kind = kind_of(f);
  if (!kind.dry_run) return std::nullopt;
  return kind.dry_run(f, file, size);
}

std::optional<Command> check_command(const FileSystem& f, const std::string& device) {
  const Kind& kind = kind_of(f);
  if (!kind.check) return std::nullopt;
  return kind.check(device);
}

std::string mount_data(const FileSystem& f) { return kind_of(f).mount_data(f); }

}  // namespace ka::agent
