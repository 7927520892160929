#include "base/text.h"
#include "wire/storage/content.h"
#include "wire/storage/kinds.h"
#include "wire/storage/superblock.h"

namespace ka::storage {

namespace {

void check(const Where& where) {
  const Blocks& blocks = as<Blocks>(where.node);
  if (blocks.bytes == 0) where.fail("bytes", "is out of range");
  where.size("bytes", blocks.bytes);
  where.uuid("uuid", blocks.uuid);
  where.label("label", blocks.label);
  if (!blocks.format.empty()) where.word("format", blocks.format);
  where.size("start", blocks.start);
}

std::string text(const Node& node) {
  const Blocks& blocks = as<Blocks>(node);
  return (blocks.format.empty() ? "byte for byte, " : "the used blocks of its " + blocks.format + ", ") +
         format_size(blocks.bytes);
}

// The 32 bits of a FAT's volume id are no identity by themselves: makers of sticks and images use the same one for all.
// A FAT that the system knows by it is mounted, and no copy of blocks.
std::vector<Identity> identities(const Storage&, const Node& node) {
  const std::string& uuid = as<Blocks>(node).uuid;
  if (is_volume_id(uuid)) return {};
  return {{"UUID", "UUID", uuid}};
}

std::uint64_t room(const Node&, const Ground& ground) { return ground.bytes; }
std::uint64_t need(const Node& node) { return as<Blocks>(node).bytes; }

}  // namespace

const Rule blocks_rule = {.kind = "blocks",
                          .sort = Sort::content,
                          .text = text,
                          .check = check,
                          .names = content_names<Blocks>,
                          .room = room,
                          .need = need,
                          .hand_out = nullptr,
                          .comes_by_stream = true,
                          .identities = identities};

}  // namespace ka::storage
