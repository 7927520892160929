#include <algorithm>

#include "wire/storage/content.h"
#include "wire/storage/kinds.h"
#include "wire/storage/superblock.h"

namespace ka::storage {

namespace {

constexpr std::uint64_t least_size = 16 * mib;
constexpr std::uint64_t largest_log = 128 * mib;

// Its log of 0.4 percent, the maps, and what jfs_fsck keeps for itself.
std::uint64_t room(const Node&, const Ground& ground) {
  const std::uint64_t size = ground.bytes;
  if (size < least_size) return 0;
  return size - std::min(size / 200, largest_log) - size / 500 - 2 * mib;
}

// Directories fall out a little larger.
std::uint64_t need(const Node& node) {
  const Usage& used = as<Jfs>(node).used;
  return used.bytes + used.bytes / 50 + used.inodes * 512 + used.later;
}

void check(const Where& where) {
  const Jfs& jfs = as<Jfs>(where.node);
  check_content(where, jfs);
}

std::string text(const Node&) { return "jfs"; }

// ---- Superblock

constexpr Range first_superblock[] = {{32768, 512}};

What read(std::span<const std::string> superblock) {
  const Superblock sb("JFS", superblock[0]);
  if (sb.bytes(0, 4) != "JFS1") sb.fail("its mark is missing");
  constexpr std::uint64_t inline_log = 0x800, os2 = 0x40000000, plain = 0x10200f00;
  const std::uint64_t version = sb.little(4, 4), flags = sb.little(36, 4);
  if (version < 1 || version > 2) sb.fail("version " + std::to_string(version) + " is unknown");
  if (sb.little(16, 4) != 4096) sb.fail("blocks of " + std::to_string(sb.little(16, 4)) + " bytes cannot be made");
  if (!(flags & inline_log)) sb.fail("its log is on another device, which cannot be cloned");
  std::vector<std::string> none;
  add_features(none, flags & ~(plain | os2), {}, sb);
  Jfs jfs;
  jfs.uuid = sb.uuid(136);
  jfs.label = version == 1 ? sb.text(101, 11) : sb.text(152, 16);
  jfs.ignores_case = (flags & os2) != 0;
  return jfs;
}

}  // namespace

const Rule jfs_rule = {.kind = "jfs",
                       .sort = Sort::content,
                       .text = text,
                       .check = check,
                       .names = content_names<Jfs>,
                       .room = room,
                       .need = need,
                       .hand_out = nullptr,
                       .holds_files = true,
                       .superblock = first_superblock,
                       .read = read,
                       .difference = difference_anywhere<Jfs>};

}  // namespace ka::storage
