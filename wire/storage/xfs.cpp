#include <algorithm>

#include "wire/storage/content.h"
#include "wire/storage/kinds.h"
#include "wire/storage/superblock.h"

namespace ka::storage {

namespace {

constexpr std::uint64_t least_log = 64 * mib, largest_log = 2048 * mib;

// Without its log, what the kernel keeps for the trees of its allocation groups, and what it never gives to anybody.
std::uint64_t room(const Node& node, const Ground& ground) {
  const Xfs& x = as<Xfs>(node);
  const std::uint64_t size = ground.bytes;
  if (size < std::min(least_xfs, x.bytes ? x.bytes : least_xfs) || x.block_size < ground.sector) return 0;
  const std::uint64_t log = std::clamp(size / 2048, std::min(least_log, size / 4), largest_log);
  const bool rmapbt = std::find(x.features.begin(), x.features.end(), "rmapbt") != x.features.end();
  const std::uint64_t kept = std::min(size / 20, 8192 * std::uint64_t{x.block_size});
  return size - log - kept - size / 64 - (rmapbt ? size / 40 : 0);
}

std::uint64_t need(const Node& node) {
  const Xfs& x = as<Xfs>(node);
  return x.used.bytes + x.used.inodes * x.inode_size + x.used.later;
}

void check(const Where& where) {
  const Xfs& x = as<Xfs>(where.node);
  check_content(where, x);
  where.size("bytes", x.bytes);
  check_power_of_two(where, "block_size", x.block_size, 512, 65536);
  check_power_of_two(where, "inode_size", x.inode_size, 256, 2048);
  check_power_of_two(where, "directory_size", x.directory_size, 512, 65536);
  if (x.inode_percent > 100) where.fail("inode_percent", std::to_string(x.inode_percent) + " are too many");
  for (const std::string& word : x.features) where.word("features", word);
}

std::string text(const Node&) { return "xfs"; }

// ---- Superblock

constexpr Range first_sector[] = {{0, 512}};

// Words are mkfs.xfs's. One that says nothing of itself, or that no mkfs.xfs makes, is none of a clone's.
constexpr FeatureBit version_bits[] = {{0x4000, "ascii-ci"}};
constexpr FeatureBit version2_bits[] = {
    {0x2, "lazy-count"}, {0x8, "attr2"}, {0x80, "projid32bit"}, {0x100, "crc"}, {0x200, "ftype"}};
constexpr FeatureBit compatible_bits[] = {{0x1, "finobt"}, {0x2, "rmapbt"}, {0x4, "reflink"}, {0x8, "inobtcount"}};
constexpr FeatureBit incompatible_bits[] = {{0x1, "ftype"},     {0x2, "sparse"},  {0x8, "bigtime"},   {0x20, "nrext64"},
                                            {0x40, "exchange"}, {0x80, "parent"}, {0x100, "metadir"}, {0x200, "zoned"}};
constexpr std::uint64_t other_uuid = 0x4, needs_repair = 0x10;

What read(std::span<const std::string> superblock) {
  const Superblock sb("XFS", superblock[0]);
  if (sb.bytes(0, 4) != "XFSB") sb.fail("its mark is missing");
  const auto number = [&sb](std::size_t at, std::size_t size) { return static_cast<std::uint32_t>(sb.big(at, size)); };
  const std::uint32_t version = number(100, 2), version2 = number(200, 4);
  Xfs x;
  x.block_size = number(4, 4);
  x.inode_size = number(104, 2);
  const std::uint32_t shift = number(192, 1);
  if (shift > 7) sb.fail("directories of 2^" + std::to_string(shift) + " blocks are impossible");
  x.directory_size = x.block_size << shift;
  x.inode_percent = number(127, 1);
  const std::uint64_t blocks = sb.big(8, 8);
  if (blocks > largest_size / 65536) sb.fail("its size is impossible");
  x.bytes = blocks * x.block_size;
  x.uuid = sb.uuid(32);
  x.label = sb.text(108, 12);
  if ((version & 15) != 4 && (version & 15) != 5) sb.fail("version " + std::to_string(version & 15) + " is unknown");
  if (sb.big(16, 8) != 0) sb.fail("it has a real-time section, which cannot be cloned");
  if (sb.big(48, 8) == 0) sb.fail("its log is on another device, which cannot be cloned");
  if (!(version & 0x2000)) sb.fail("its directories are of version 1");
  add_features(x.features, version & 0x4000, version_bits, sb);
  if (version & 0x8000) add_features(x.features, version2 & 0x38a, version2_bits, sb);
  if ((version & 15) == 5) {
    const std::uint32_t incompatible = number(216, 4);
    if (incompatible & needs_repair) sb.fail("it has to be repaired (xfs_repair)");
    add_features(x.features, number(212, 4), compatible_bits, sb);
    add_features(x.features, incompatible & ~other_uuid, incompatible_bits, sb);
  }
  return x;
}

// Of a smaller or larger disk its size is another.
std::string difference(const Node& golden, const Ground&, const Node& made) {
  Xfs meant = as<Xfs>(golden);
  meant.bytes = 0;
  return differing_fields(meant, as<Xfs>(made));
}

std::vector<std::string> features(const Node& node) { return as<Xfs>(node).features; }

}  // namespace

const Rule xfs_rule = {.kind = "xfs",
                       .sort = Sort::content,
                       .text = text,
                       .check = check,
                       .names = content_names<Xfs>,
                       .room = room,
                       .need = need,
                       .hand_out = nullptr,
                       .holds_files = true,
                       .superblock = first_sector,
                       .read = read,
                       .difference = difference,
                       .features = features};

}  // namespace ka::storage
