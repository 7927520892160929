#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "wire/storage/kinds.h"
#include "wire/storage/luks_header.h"
#include "wire/storage/superblock.h"

namespace ka::storage {

namespace {

void check(const Where& where) {
  const Crypt& crypt = as<Crypt>(where.node);
  where.below();
  where.word("id", where.node.id);  // it becomes a name of the device mapper's
  if (crypt.version != 1 && crypt.version != 2) where.fail("version", "is neither 1 nor 2");
  if (crypt.uuid.empty()) where.fail("uuid", "is empty");
  where.uuid("uuid", crypt.uuid);
  where.label("label", crypt.label);
  where.word("cipher", crypt.cipher);
  where.word("hash", crypt.hash);
  constexpr std::string_view known[] = {"pbkdf2", "argon2i", "argon2id"};
  if (std::find(std::begin(known), std::end(known), crypt.key_derivation) == std::end(known))
    where.fail("key_derivation", "\"" + escape_bytes(crypt.key_derivation) + "\" is unknown");
  if (crypt.key_bits == 0 || crypt.key_bits > 4096 || crypt.key_bits % 8 != 0)
    where.fail("key_bits", "is out of range");
  if (crypt.sector < 512 || crypt.sector > 4096 || (crypt.sector & (crypt.sector - 1)) != 0)
    where.fail("sector", std::to_string(crypt.sector) + " is impossible");
  where.size("offset", crypt.offset);
  where.size("bytes", crypt.bytes);
  if (crypt.offset == 0 || crypt.offset % 4096 != 0) where.fail("offset", "is out of range");
}

std::string text(const Node& node) {
  const Crypt& crypt = as<Crypt>(node);
  return "LUKS" + std::to_string(crypt.version) + ", " + crypt.cipher + ", key of " + std::to_string(crypt.key_bits) +
         " bits";
}

Names names(const Storage&, const Node& node) {
  Names names;
  names.paths = {"mapper/" + node.id};
  std::string digits = as<Crypt>(node).uuid;
  std::erase(digits, '-');
  names.grub = {"cryptouuid/" + digits};
  return names;
}

Names member_names(const Node& node) {
  const Crypt& crypt = as<Crypt>(node);
  return {.uuid = crypt.uuid, .label = crypt.label, .part_uuid = {}, .part_label = {}};
}

std::vector<Identity> identities(const Storage&, const Node& node) {
  return {{"UUID", "LUKS UUID", as<Crypt>(node).uuid}};
}

Ground joined(const Node& node, std::span<const Ground> below) {
  const Crypt& crypt = as<Crypt>(node);
  const std::uint32_t sector = std::max(crypt.sector, below[0].sector);
  return {below[0].bytes <= crypt.offset ? 0 : (below[0].bytes - crypt.offset) / sector * sector, sector};
}

std::uint64_t room(const Node&, const Ground& ground) { return ground.bytes; }

// What cryptsetup makes has 16 KiB of it, twice; a golden one that has more is read by luks_header_size().
constexpr Range first_header[] = {{0, 16384}};

What read(std::span<const std::string> superblock) {
  LuksHeader header = read_luks_header(superblock[0]);
  if (!header.strange.empty()) throw Error("LUKS superblock", "what it stands before " + header.strange);
  return header.crypt;
}

std::string difference(const Node& golden, const Ground& ground, const Node& made) {
  Crypt meant = as<Crypt>(golden);
  const Crypt& there = as<Crypt>(made);
  meant.bytes = 0;
  if (meant.version == 2) meant.sector = std::max(meant.sector, ground.sector);
  std::string different = differing_fields(meant, there);
  if (different.empty() && meant.discards != there.discards)
    different = there.discards ? "it passes discards on" : "it passes no discards on";
  return different;
}

}  // namespace

const Rule crypt_rule = {.kind = "crypt",
                         .sort = Sort::device,
                         .text = text,
                         .check = check,
                         .names = names,
                         .room = room,
                         .need = nullptr,
                         .hand_out = nullptr,
                         .joined = joined,
                         .member_names = member_names,
                         .superblock = first_header,
                         .read = read,
                         .difference = difference,
                         .identities = identities};

}  // namespace ka::storage
