#include "wire/ext.h"

#include <algorithm>
#include <iterator>

namespace ka::wire {

namespace {

constexpr std::uint64_t mib = 1 << 20;

std::uint64_t block_size(const FileSystem& f) { return f.block_size ? f.block_size : 4096; }

std::uint64_t journal_bytes(const FileSystem& f, std::uint64_t size) {
  if (f.type == "ext2") return 0;
  if (f.ext.journal_mib != 0) return f.ext.journal_mib * mib;
  return default_ext_journal(size / block_size(f)) * block_size(f);
}

}  // namespace

bool is_ext(std::string_view type) { return type == "ext2" || type == "ext3" || type == "ext4"; }

// ext2fs_default_journal_size().
std::uint64_t default_ext_journal(std::uint64_t blocks) {
  constexpr std::pair<std::uint64_t, std::uint64_t> steps[] = {
      {16384 << 11, 262144}, {16384 << 10, 131072}, {8192 << 10, 65536}, {4096 << 10, 32768},
      {512 << 10, 16384},    {256 << 10, 8192},     {32768, 4096},       {2048, 1024}};
  for (auto [at_least, journal] : steps)
    if (blocks >= at_least) return journal;
  return 0;
}

// mke2fs.conf: denser in small file systems, sparser in those of many TiB.
std::uint64_t default_ext_inodes(std::uint64_t bytes) {
  constexpr std::uint64_t tib = mib << 20;
  return bytes / (bytes < 512 * mib ? 4096 : bytes < 4 * tib ? 16384 : bytes < 16 * tib ? 32768 : 65536);
}

// A quarter more than are used is room to grow.
std::uint64_t ext_inodes(const FileSystem& f, std::uint64_t size) {
  const std::uint64_t usual = default_ext_inodes(size), least = f.inodes_used + f.inodes_used / 4;
  const std::uint64_t as_golden = f.ext.bytes_per_inode ? size / f.ext.bytes_per_inode : usual;
  const std::uint64_t wanted = std::max(as_golden, least);
  return wanted == usual ? 0 : wanted;
}

std::uint64_t ext_need(const FileSystem& f, std::uint64_t size) {
  const std::uint64_t inodes = ext_inodes(f, size);
  const std::uint64_t inode_tables = (inodes ? inodes : default_ext_inodes(size)) * (f.inode_size ? f.inode_size : 256);
  // Bitmaps, group descriptors and their copies; and directories and extents that fall out a little larger.
  return f.used + f.used / 50 + f.needed_later + inode_tables + journal_bytes(f, size) + size / 512 + mib;
}

}  // namespace ka::wire
