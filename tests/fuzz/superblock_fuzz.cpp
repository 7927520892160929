// Any bytes in the place of a superblock: refused, or a content that a manifest can hold, and that is what it is.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/error.h"
#include "wire/storage/check.h"
#include "wire/storage/place.h"
#include "wire/storage/rule.h"

namespace {

using namespace ka::storage;

void look_at(const Rule& kind, const std::vector<std::string>& superblock) {
  Node node{"sda1:fs", {"sda1"}, {}, kind.read(superblock)};
  const Ground ground{std::uint64_t{1} << 36, 512};
  if (&rule(node) != &kind) std::abort();
  const Where where{{}, node, "storage[0]"};
  try {
    kind.check(where);
  } catch (const ka::Error&) {
    return;  // the server refuses it
  }
  const std::uint64_t room = kind.room(node, ground);
  if (kind.room(node, {ground.bytes * 2, 512}) < room) std::abort();
}

// Each kind in its turn.
template <std::size_t index = 0>
void try_kinds(const std::string& bytes) {
  Node node;
  node.what.emplace<index>();
  const Rule& kind = rule(node);
  std::vector<std::string> superblock;
  std::size_t at = 0;
  for (const Range& range : kind.superblock) {
    std::string part = at < bytes.size() ? bytes.substr(at, range.size) : "";
    part.resize(range.size, '\0');
    superblock.push_back(part);
    at += range.size;
  }
  try {
    if (kind.read) look_at(kind, superblock);
  } catch (const ka::Error&) {
  }
  if constexpr (index + 1 < std::variant_size_v<What>) try_kinds<index + 1>(bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try_kinds(std::string(reinterpret_cast<const char*>(data), size));
  return 0;
}
