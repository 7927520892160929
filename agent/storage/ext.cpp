#include "wire/storage/ext.h"

#include <algorithm>

#include "agent/storage/kinds.h"
#include "base/text.h"

namespace ka::agent {

namespace {

using storage::Ext;

// mke2fs -E.
std::string extended_options(const Ext& e) {
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
const char* const all_mount_options[] = {"debug",
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

std::string mount_option_changes(const Ext& e) {
  std::vector<std::string> changes;
  for (const char* option : all_mount_options)
    if (std::find(e.mount_options.begin(), e.mount_options.end(), option) == e.mount_options.end())
      changes.push_back(std::string("^") + option);
  changes.insert(changes.end(), e.mount_options.begin(), e.mount_options.end());
  return joined(changes, ",");
}

// What only tune2fs can set, or sets exactly. Of a larger or smaller disk the reserved share is kept.
std::optional<Command> tune(const Ext& e, const std::string& device, std::uint64_t size) {
  if (e.blocks == 0) return std::nullopt;
  const std::uint64_t blocks = size / (e.block_size ? e.block_size : 4096);
  const double share = static_cast<double>(e.reserved_blocks) / static_cast<double>(e.blocks);
  const auto reserved =
      blocks == e.blocks ? e.reserved_blocks : static_cast<std::uint64_t>(share * static_cast<double>(blocks));
  Command tune({"tune2fs", "-r", std::to_string(reserved), "-u", std::to_string(e.reserved_uid), "-g",
                std::to_string(e.reserved_gid), "-c", std::to_string(e.mounts_between_checks), "-i",
                std::to_string(e.seconds_between_checks) + "s", "-o", mount_option_changes(e)});
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

std::vector<std::string> options(const Ext& e, std::uint64_t size) {
  std::vector<std::string> argv = {"mke2fs", "-q", "-F", "-t", e.version};
  auto add = [&argv](const char* option, const std::string& value) {
    if (value.empty()) return;
    argv.emplace_back(option);
    argv.push_back(value);
  };
  add("-U", e.uuid);
  add("-L", e.label);
  if (e.block_size) add("-b", std::to_string(e.block_size));
  if (e.inode_size) add("-I", std::to_string(e.inode_size));
  if (std::uint64_t inodes = storage::ext_inodes(e, size)) add("-N", std::to_string(inodes));
  if (e.cluster_size) add("-C", std::to_string(e.cluster_size));
  if (e.flex_groups) add("-G", std::to_string(e.flex_groups));
  if (e.journal_mib) add("-J", "size=" + std::to_string(e.journal_mib));
  add("-E", extended_options(e));
  std::string features;
  for (const std::string& feature : e.features)
    if (!storage::is_ext_state(feature)) features += "," + feature;
  if (!features.empty()) add("-O", "none" + features);
  return argv;
}

std::vector<Command> make(const Job& job) {
  const Ext e = storage::ext_on(storage::as<Ext>(job.node), job.ground);
  auto argv = options(e, job.ground.bytes);
  argv.push_back(job.device);
  std::vector<Command> commands = {Command(std::move(argv))};
  if (auto settings = tune(e, job.device, job.ground.bytes)) commands.push_back(*std::move(settings));
  return commands;
}

Command dry_run(const Job& job, const std::string& file) {
  auto argv = options(storage::ext_on(storage::as<Ext>(job.node), job.ground), job.ground.bytes);
  argv.insert(argv.begin() + 1, "-n");
  argv.push_back(file);
  argv.push_back(std::to_string(job.ground.bytes / 1024) + "k");
  return Command(std::move(argv));
}

Command check(const Job& job) { return Command({"e2fsck", "-n", job.device}); }

bool has_journal(const Ext& e) {
  if (e.version == "ext2") return false;
  return e.features.empty() || std::find(e.features.begin(), e.features.end(), "has_journal") != e.features.end();
}

std::string mount_data(const storage::Node& node, const std::string& options, bool read_only) {
  if (read_only) return "";
  const Ext& e = storage::as<Ext>(node);
  std::string data = options + (options.empty() ? "" : ",");
  // A clone is of no use after the first error, whatever the golden file system is told to do then.
  data += "errors=remount-ro";
  // Else a block of data that could not be written is nobody's business.
  if (has_journal(e)) data += ",data_err=abort";
  // The kernel would fill the inode tables with zeros while the data comes in; it does so after the first boot.
  if (e.version == "ext4") data += ",noinit_itable";
  return data;
}

std::string mount_type(const storage::Node& node) { return storage::as<Ext>(node).version; }

}  // namespace

const Maker ext_maker = {.programs = {"mke2fs", "tune2fs", "e2fsck"},
                         .longest_label = 16,
                         .make = make,
                         .dry_run = dry_run,
                         .check = check,
                         .mount_type = mount_type,
                         .mount_data = mount_data};

}  // namespace ka::agent
