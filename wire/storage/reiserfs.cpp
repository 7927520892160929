#include <iterator>

#include "wire/storage/content.h"
#include "wire/storage/kinds.h"
#include "wire/storage/superblock.h"

namespace ka::storage {

namespace {

// By the number that the superblock has.
constexpr const char* hashes[] = {"", "tea", "rupasov", "r5"};
constexpr std::uint64_t journal_blocks = 8193;

std::uint64_t room(const Node& node, const Ground& ground) {
  const std::uint64_t block = as<Reiserfs>(node).block_size;
  if (block < ground.sector) return 0;
  const std::uint64_t before = journal_blocks * block + 65536 + ground.bytes / (8 * block) + 64 * block;
  return ground.bytes > before ? ground.bytes - before : 0;
}

// Directories fall out a little larger.
std::uint64_t need(const Node& node) {
  const Usage& used = as<Reiserfs>(node).used;
  return used.bytes + used.bytes / 50 + used.inodes * 64 + used.later;
}

void check(const Where& where) {
  const Reiserfs& reiser = as<Reiserfs>(where.node);
  check_content(where, reiser);
  check_power_of_two(where, "block_size", reiser.block_size, 512, 8192);
  if (!reiser.hash.empty()) where.word("hash", reiser.hash);
}

std::string text(const Node&) { return "reiserfs"; }

// ---- Superblock

constexpr Range superblock_of_36[] = {{65536, 256}};

What read(std::span<const std::string> superblock) {
  const Superblock sb("ReiserFS", superblock[0]);
  const std::string mark = sb.text(52, 10);
  if (mark == "ReIsErFs") sb.fail("it is of format 3.5, which has no UUID");
  if (mark == "ReIsEr3Fs") sb.fail("its journal is not the usual one, and cannot be cloned");
  if (mark != "ReIsEr2Fs") sb.fail("its mark is missing");
  const std::uint64_t hash = sb.little(64, 4);
  if (hash >= std::size(hashes)) sb.fail("its hash " + std::to_string(hash) + " is unknown");
  Reiserfs reiser;
  reiser.block_size = static_cast<std::uint32_t>(sb.little(44, 2));
  reiser.hash = hashes[hash];
  reiser.uuid = sb.uuid(84);
  reiser.label = sb.text(100, 16);
  return reiser;
}

}  // namespace

const Rule reiserfs_rule = {.kind = "reiserfs",
                            .sort = Sort::content,
                            .text = text,
                            .check = check,
                            .names = content_names<Reiserfs>,
                            .room = room,
                            .need = need,
                            .hand_out = nullptr,
                            .holds_files = true,
                            .superblock = superblock_of_36,
                            .read = read,
                            .difference = difference_anywhere<Reiserfs>};

}  // namespace ka::storage
