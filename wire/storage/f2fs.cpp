#include "wire/storage/content.h"
#include "wire/storage/kinds.h"
#include "wire/storage/superblock.h"

namespace ka::storage {

namespace {

constexpr std::uint64_t least_size = 52 * mib;

std::uint64_t square_root(std::uint64_t n) {
  std::uint64_t root = 0;
  for (std::uint64_t bit = std::uint64_t{1} << 31; bit != 0; bit /= 2)
    if ((root + bit) * (root + bit) <= n) root += bit;
  return root;
}

// What mkfs.f2fs keeps free for moving things about grows with the root of the size; seen from 52 MiB to 500 GiB.
std::uint64_t room(const Node&, const Ground& ground) {
  const std::uint64_t size = ground.bytes;
  if (size < least_size) return 0;
  const std::uint64_t kept = 6 * (square_root(size / mib) + 1) * mib + size / 256;
  return size > kept ? size - kept : 0;
}

// Directories fall out a little larger.
std::uint64_t need(const Node& node) {
  const Usage& used = as<F2fs>(node).used;
  return used.bytes + used.bytes / 50 + used.inodes * 4096 + used.later;
}

void check(const Where& where) {
  const F2fs& f2fs = as<F2fs>(where.node);
  check_content(where, f2fs);
  if (f2fs.segments == 0 || f2fs.sections == 0 || f2fs.segments > 1024 || f2fs.sections > 1024)
    where.fail("segments", "that many in a section are impossible");
  for (const std::string& word : f2fs.features) where.word("features", word);
}

std::string text(const Node&) { return "f2fs"; }

// ---- Superblock

constexpr Range first_superblock[] = {{1024, 3072}};

constexpr FeatureBit bits[] = {{0x1, "encrypt"},
                               {0x8, "extra_attr"},
                               {0x10, "project_quota"},
                               {0x20, "inode_checksum"},
                               {0x40, "flexible_inline_xattr"},
                               {0x80, "quota"},
                               {0x100, "inode_crtime"},
                               {0x200, "lost_found"},
                               {0x400, "verity"},
                               {0x800, "sb_checksum"},
                               {0x1000, "casefold"},
                               {0x2000, "compression"},
                               {0x4000, "ro"},
                               {0x8000, "device_alias"},
                               {0x10000, "packed_ssa"}};

What read(std::span<const std::string> superblock) {
  const Superblock sb("F2FS", superblock[0]);
  if (sb.little(0, 4) != 0xf2f52010) sb.fail("its mark is missing");
  if (sb.little(16, 4) != 12) sb.fail("blocks of 2^" + std::to_string(sb.little(16, 4)) + " bytes cannot be made");
  const std::uint64_t features = sb.little(2180, 4);
  if (features & 0x2) sb.fail("it is made for a zoned device, and cannot be cloned");
  F2fs f2fs;
  add_features(f2fs.features, features, bits, sb);
  f2fs.segments = static_cast<std::uint32_t>(sb.little(24, 4));
  f2fs.sections = static_cast<std::uint32_t>(sb.little(28, 4));
  f2fs.uuid = sb.uuid(108);
  f2fs.label = sb.utf16(124, 1024);
  if (features & 0x1000) {
    if (sb.little(2758, 2) != 1) sb.fail("the encoding of its names is unknown");
    f2fs.encoding_flags = static_cast<std::uint32_t>(sb.little(2760, 2));
  }
  return f2fs;
}

std::vector<std::string> features(const Node& node) { return as<F2fs>(node).features; }

}  // namespace

const Rule f2fs_rule = {.kind = "f2fs",
                        .sort = Sort::content,
                        .text = text,
                        .check = check,
                        .names = content_names<F2fs>,
                        .room = room,
                        .need = need,
                        .hand_out = nullptr,
                        .holds_files = true,
                        .superblock = first_superblock,
                        .read = read,
                        .difference = difference_anywhere<F2fs>,
                        .features = features};

}  // namespace ka::storage
