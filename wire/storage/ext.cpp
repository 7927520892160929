#include "wire/storage/ext.h"

#include <algorithm>
#include <iterator>

#include "base/text.h"
#include "wire/storage/content.h"
#include "wire/storage/kinds.h"

namespace ka::storage {

namespace {

struct Step {
  std::uint64_t at_least, journal;  // blocks
};

// ext2fs_default_journal_size().
constexpr Step steps[] = {{16384 << 11, 262144}, {16384 << 10, 131072}, {8192 << 10, 65536}, {4096 << 10, 32768},
                          {512 << 10, 16384},    {256 << 10, 8192},     {32768, 4096},       {2048, 1024}};

std::uint64_t block_size(const Ext& e) { return e.block_size ? e.block_size : 4096; }

std::uint64_t journal_bytes(const Ext& e, std::uint64_t size) {
  if (e.version == "ext2") return 0;
  if (e.journal_mib != 0) return e.journal_mib * mib;
  return default_ext_journal(size / block_size(e)) * block_size(e);
}

// Without inode tables and journal; without bitmaps, group descriptors and their copies.
std::uint64_t room_of_just(const Ext& e, std::uint64_t size) {
  const std::uint64_t inodes = ext_inodes(e, size);
  const std::uint64_t inode_tables = (inodes ? inodes : default_ext_inodes(size)) * (e.inode_size ? e.inode_size : 256);
  const std::uint64_t tables = inode_tables + journal_bytes(e, size) + size / 512 + mib;
  return size > tables ? size - tables : 0;
}

// A little more disk may be one with a larger journal and so less room; what is said to have room must have it on all
// larger ones too.
std::uint64_t room(const Node& node, const Ground& ground) {
  const Ext e = ext_on(as<Ext>(node), ground);
  std::uint64_t least = room_of_just(e, ground.bytes);
  for (const Step& step : steps)
    if (const std::uint64_t larger = step.at_least * block_size(e); larger > ground.bytes)
      least = std::min(least, room_of_just(e, larger));
  return least;
}

// Directories and extents fall out a little larger.
std::uint64_t need(const Node& node) {
  const Usage& used = as<Ext>(node).used;
  return used.bytes + used.bytes / 50 + used.later;
}

// Each word becomes part of an argument of mke2fs or tune2fs.
void check_words(const Ext& e, const Where& where) {
  for (const auto& [name, word] : {std::pair("errors", e.errors), std::pair("hash", e.hash),
                                   std::pair("hash_seed", e.hash_seed), std::pair("encoding", e.encoding)})
    if (!word.empty()) where.word(name, word);
  for (const std::string& word : e.features) where.word("features", word);
  for (const std::string& word : e.mount_options) where.word("mount_options", word);
  for (const std::string& word : e.quota_types) where.word("quota_types", word);
  for (char c : e.more_mount_options)
    if (c <= ' ' || c >= 0x7f || c == ',')
      where.fail("more_mount_options", "\"" + escape_bytes(e.more_mount_options) + "\" are none");
}

void check(const Where& where) {
  const Ext& e = as<Ext>(where.node);
  auto impossible = [](std::uint32_t n, std::uint32_t low, std::uint32_t high) {
    return n != 0 && (n < low || n > high || (n & (n - 1)) != 0);
  };
  if (!is_ext(e.version)) where.fail("version", "\"" + escape_bytes(e.version) + "\" is not ext2, ext3 or ext4");
  check_content(where, e);
  if (impossible(e.block_size, 512, 65536)) where.fail("block_size", std::to_string(e.block_size) + " is impossible");
  if (impossible(e.inode_size, 128, 65536)) where.fail("inode_size", std::to_string(e.inode_size) + " is impossible");
  if (e.blocks > largest_size || e.reserved_blocks > e.blocks / 2)
    where.fail("reserved_blocks", std::to_string(e.reserved_blocks) + " are more than half of all");
  check_words(e, where);
}

std::string text(const Node& node) { return as<Ext>(node).version; }

// Some are no more than what a file system went through.
std::vector<std::string> features(const Node& node) {
  std::vector<std::string> features = as<Ext>(node).features;
  std::erase_if(features, [](const std::string& word) { return is_ext_state(word); });
  return features;
}

}  // namespace

bool is_ext_state(std::string_view feature) {
  return feature == "needs_recovery" || feature == "orphan_present" || feature == "journal_dev";
}

bool is_ext(std::string_view type) { return type == "ext2" || type == "ext3" || type == "ext4"; }

std::uint64_t default_ext_journal(std::uint64_t blocks) {
  for (const Step& step : steps)
    if (blocks >= step.at_least) return step.journal;
  return 0;
}

// What was said in blocks keeps its bytes; the journal's size is mke2fs's business then.
Ext ext_on(const Ext& golden, const Ground& ground) {
  Ext e = golden;
  if (e.block_size == 0 || e.block_size >= ground.sector) return e;
  const std::uint32_t times = ground.sector / e.block_size;
  e.block_size = ground.sector;
  e.blocks /= times;
  e.reserved_blocks /= times;
  e.stride /= times;
  e.stripe /= times;
  e.journal_mib = 0;
  if (e.cluster_size <= e.block_size) e.cluster_size = 0;
  return e;
}

// mke2fs.conf: denser in small file systems, sparser in those of many TiB.
std::uint64_t default_ext_inodes(std::uint64_t bytes) {
  constexpr std::uint64_t tib = mib << 20;
  return bytes / (bytes < 512 * mib ? 4096 : bytes < 4 * tib ? 16384 : bytes < 16 * tib ? 32768 : 65536);
}

// A quarter more than are used is room to grow.
std::uint64_t ext_inodes(const Ext& e, std::uint64_t size) {
  const std::uint64_t usual = default_ext_inodes(size), least = e.used.inodes + e.used.inodes / 4;
  const std::uint64_t as_golden = e.bytes_per_inode ? size / e.bytes_per_inode : usual;
  const std::uint64_t wanted = std::max(as_golden, least);
  return wanted == usual ? 0 : wanted;
}

const Rule ext_rule = {.kind = "ext",
                       .sort = Sort::content,
                       .text = text,
                       .check = check,
                       .names = content_names<Ext>,
                       .room = room,
                       .need = need,
                       .hand_out = nullptr,
                       .holds_files = true,
                       .features = features};

}  // namespace ka::storage
