#include "agent/storage/format.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "wire/ext.h"

namespace ka::agent {

namespace {

using wire::FileSystem;

// Set and cleared by the kernel or e2fsck as things happen; mke2fs knows no such option.
const char* const states_not_features[] = {"needs_recovery", "orphan_present", "journal_dev"};

constexpr std::uint64_t mib = 1 << 20;

std::string joined(const std::vector<std::string>& words, const char* separator) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : separator) + word;
  return text;
}

// mke2fs -E.
std::string ext_extended(const wire::ExtSettings& e) {
  std::vector<std::string> options;
  if (e.stride) options.push_back("stride=" + std::to_string(e.stride));
  if (e.stripe) options.push_back("stripe_width=" + std::to_string(e.stripe));
  if (!e.hash_seed.empty()) options.push_back("hash_seed=" + e.hash_seed);
  if (!e.encoding.empty()) options.push_back("encoding=" + e.encoding);
  if (!e.quota_types.empty()) options.push_back("quotatype=" + joined(e.quota_types, ":"));
  return joined(options, ",");
}

// All that a superblock can have on by default. Taken away first and given then: the three of the journal are one
// field.
const char* const ext_mount_options[] = {"debug",
                                         "bsdgroups",
                                         "user_xattr",
                                         "acl",
                                         "uid16",
                                         "journal_data",
                                         "journal_data_ordered",
                                         "journal_data_writeback",
                                         "nobarrier",
                                         "block_validity",
                                         "discard",
                                         "nodelalloc"};

std::string ext_mount_option_changes(const wire::ExtSettings& e) {
  std::vector<std::string> changes;
  for (const char* option : ext_mount_options)
    if (std::find(e.mount_options.begin(), e.mount_options.end(), option) == e.mount_options.end())
      changes.push_back(std::string("^") + option);
  changes.insert(changes.end(), e.mount_options.begin(), e.mount_options.end());
  return joined(changes, ",");
}

// What only tune2fs can set, or sets exactly. Of a larger or smaller disk the reserved share is kept.
std::optional<Command> ext_tune(const FileSystem& f, const std::string& device, std::uint64_t size) {
  const wire::ExtSettings& e = f.ext;
  if (e.blocks == 0) return std::nullopt;
  const std::uint64_t blocks = size / (f.block_size ? f.block_size : 4096);
  const double share = static_cast<double>(e.reserved_blocks) / static_cast<double>(e.blocks);
  const auto reserved =
      blocks == e.blocks ? e.reserved_blocks : static_cast<std::uint64_t>(share * static_cast<double>(blocks));
  Command tune({"tune2fs", "-r", std::to_string(reserved), "-u", std::to_string(e.reserved_uid), "-g",
                std::to_string(e.reserved_gid), "-c", std::to_string(e.mounts_between_checks), "-i",
                std::to_string(e.seconds_between_checks) + "s", "-o", ext_mount_option_changes(e)});
  auto add = [&tune](const char* option, const std::string& value) {
    if (!value.empty()) tune.argv.insert(tune.argv.end(), {option, value});
  };
  add("-e", e.errors);
  std::vector<std::string> extended;
  if (!e.hash.empty()) extended.push_back("hash_alg=" + e.hash);
  if (!e.more_mount_options.empty()) extended.push_back("mount_opts=" + e.more_mount_options);
  add("-E", joined(extended, ","));
  tune.argv.push_back(device);
  return tune;
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
  if (std::uint64_t inodes = wire::ext_inodes(f, size)) add("-N", std::to_string(inodes));
  if (f.ext.cluster_size) add("-C", std::to_string(f.ext.cluster_size));
  if (f.ext.flex_groups) add("-G", std::to_string(f.ext.flex_groups));
  if (f.ext.journal_mib) add("-J", "size=" + std::to_string(f.ext.journal_mib));
  add("-E", ext_extended(f.ext));
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
  std::optional<Command> (*tune)(const FileSystem&, const std::string& device, std::uint64_t size);  // or none
  Command (*dry_run)(const FileSystem&, const std::string& file, std::uint64_t size);                // or none
  Command (*check)(const std::string& device);                                                       // or none
  std::string (*mount_data)(const FileSystem&);
};

const Kind& kind_of(const FileSystem& f) {
  static const std::vector<std::string> e2fsprogs = {"mke2fs", "tune2fs", "e2fsck"};
  static const Kind kinds[] = {
      {"ext2", e2fsprogs, 16, wire::ext_need, ext_format, ext_tune, ext_dry_run, ext_check, ext_mount_data},
      {"ext3", e2fsprogs, 16, wire::ext_need, ext_format, ext_tune, ext_dry_run, ext_check, ext_mount_data},
      {"ext4", e2fsprogs, 16, wire::ext_need, ext_format, ext_tune, ext_dry_run, ext_check, ext_mount_data},
      {"swap", {"mkswap"}, 15, swap_need, swap_format, nullptr, nullptr, nullptr, options_alone},
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

std::optional<Command> tune_command(const FileSystem& f, const std::string& device, std::uint64_t size) {
  const Kind& kind = kind_of(f);
  if (!kind.tune) return std::nullopt;
  return kind.tune(f, device, size);
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
