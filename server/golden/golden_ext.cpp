// What dumpe2fs prints, as the settings that a clone gets.
#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "server/golden/kinds.h"
#include "wire/storage/ext.h"

namespace ka::server {

namespace {

constexpr std::uint64_t mib = 1024 * 1024;

// The number at the beginning of a line's value: "15552000 (6 months)", "33 (user www-data)".
std::optional<std::int64_t> number_of(std::string_view text, std::string_view name) {
  auto fields = words(field_of(text, name));
  if (fields.empty()) return std::nullopt;
  const bool negative = fields[0].front() == '-';
  auto value = parse_unsigned(fields[0].substr(negative ? 1 : 0));
  if (!value || *value > INT64_MAX) return std::nullopt;
  return negative ? -static_cast<std::int64_t>(*value) : static_cast<std::int64_t>(*value);
}

template <typename Number>
void take(Number& into, std::string_view text, std::string_view name) {
  if (auto value = number_of(text, name)) into = static_cast<Number>(*value);
}

std::uint32_t needed_number(std::string_view text, std::string_view name) {
  auto value = number_of(text, name);
  if (!value || *value < 0 || *value > UINT32_MAX)
    throw Error("dumpe2fs -h", "no \"" + std::string(name) + "\" in what it printed");
  return static_cast<std::uint32_t>(*value);
}

std::string tag(std::string_view text, std::string_view name) {
  std::string_view value = field_of(text, name);
  return value == "<none>" ? std::string() : std::string(value);
}

std::string errors_of(std::string_view text) {
  const std::string_view behaviour = field_of(text, "Errors behavior:");
  if (behaviour == "Continue") return "continue";
  if (behaviour == "Remount read-only") return "remount-ro";
  if (behaviour == "Panic") return "panic";
  return {};
}

// "64M", "4096k" of newer versions, "16M" of older ones under another name.
std::uint64_t journal_bytes(std::string_view text, std::uint32_t block_size) {
  if (auto blocks = number_of(text, "Total journal blocks:")) return static_cast<std::uint64_t>(*blocks) * block_size;
  std::string_view size = field_of(text, "Total journal size:");
  if (size.empty()) size = field_of(text, "Journal size:");
  if (size.empty()) return 0;
  const char unit = size.back();
  auto number = parse_unsigned(size.substr(0, size.size() - 1));
  return number.value_or(0) * (unit == 'M' ? mib : unit == 'k' ? 1024 : unit == 'G' ? mib * 1024 : 0);
}

bool has(const storage::Ext& e, std::string_view feature) {
  return std::find(e.features.begin(), e.features.end(), feature) != e.features.end();
}

void read_sizes(std::string_view text, storage::Ext& e) {
  take(e.blocks, text, "Block count:");
  take(e.reserved_blocks, text, "Reserved block count:");
  e.reserved_blocks = std::min(e.reserved_blocks, e.blocks / 2);
  if (has(e, "bigalloc")) take(e.cluster_size, text, "Cluster size:");
  if (has(e, "flex_bg")) take(e.flex_groups, text, "Flex block group size:");
  take(e.stride, text, "RAID stride:");
  take(e.stripe, text, "RAID stripe width:");
  // A size that mke2fs chose is right for this disk only.
  const std::uint64_t journal = has(e, "has_journal") ? journal_bytes(text, e.block_size) : 0;
  if (journal != storage::default_ext_journal(e.blocks) * e.block_size)
    e.journal_mib = static_cast<std::uint32_t>(journal / mib);
  std::uint64_t inodes = 0;
  take(inodes, text, "Inode count:");
  const std::uint64_t bytes = e.blocks * e.block_size;
  const std::uint64_t usual = storage::default_ext_inodes(bytes);
  if (inodes > 0 && (inodes < usual - usual / 8 || inodes > usual + usual / 8 + 1024))
    e.bytes_per_inode = static_cast<std::uint32_t>(std::min<std::uint64_t>(bytes / inodes, UINT32_MAX));
}

void read_quota(std::string_view text, storage::Ext& e, std::vector<std::string>& not_kept) {
  if (!has(e, "quota")) return;
  constexpr std::pair<const char*, const char*> types[] = {
      {"User quota inode:", "usrquota"}, {"Group quota inode:", "grpquota"}, {"Project quota inode:", "prjquota"}};
  for (auto [line, type] : types)
    if (!field_of(text, line).empty()) e.quota_types.emplace_back(type);
  not_kept.emplace_back("quota limits lie in hidden files of the file system and are not cloned (setquota)");
}

}  // namespace

Reading parse_dumpe2fs(std::string_view text) {
  storage::Ext e;
  std::vector<std::string> not_kept;
  e.block_size = needed_number(text, "Block size:");
  e.inode_size = needed_number(text, "Inode size:");
  for (std::string_view word : words(field_of(text, "Filesystem features:"))) e.features.emplace_back(word);
  if (e.features.empty()) throw Error("dumpe2fs -h", "no \"Filesystem features:\" in what it printed");
  e.uuid = tag(text, "Filesystem UUID:");
  e.label = tag(text, "Filesystem volume name:");

  read_sizes(text, e);
  take(e.reserved_uid, text, "Reserved blocks uid:");
  take(e.reserved_gid, text, "Reserved blocks gid:");
  e.errors = errors_of(text);
  for (std::string_view word : words(field_of(text, "Default mount options:")))
    if (word != "(none)") e.mount_options.emplace_back(word);
  e.more_mount_options = field_of(text, "Mount options:");
  if (e.more_mount_options.find_first_of(", ") != std::string::npos) {
    not_kept.push_back("its own mount options " + e.more_mount_options + " are not cloned: tune2fs takes one");
    e.more_mount_options.clear();
  }
  take(e.mounts_between_checks, text, "Maximum mount count:");
  take(e.seconds_between_checks, text, "Check interval:");
  if (has(e, "dir_index")) {
    e.hash = field_of(text, "Default directory hash:");
    e.hash_seed = field_of(text, "Directory Hash Seed:");
  }
  if (has(e, "casefold")) e.encoding = field_of(text, "Character encoding:");
  read_quota(text, e, not_kept);
  return {std::move(e), std::move(not_kept)};
}

}  // namespace ka::server
