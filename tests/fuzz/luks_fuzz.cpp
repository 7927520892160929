// Any text as the JSON of a LUKS 2 header: refused, or a header that says why no clone can have it, or one that a
// manifest can hold. What lies in front of the JSON is superblock_fuzz's.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/error.h"
#include "wire/storage/check.h"
#include "wire/storage/kinds.h"
#include "wire/storage/luks_header.h"

namespace {

using namespace ka::storage;

constexpr std::size_t header_size = 16384;

std::string with_json(const std::string& json) {
  std::string bytes(header_size, '\0');
  bytes.replace(0, 6, "LUKS\xba\xbe");
  bytes[7] = 2;
  bytes[14] = header_size >> 8;
  bytes.replace(168, 36, "6f0a5f6f-2a2a-4a53-9f0e-0f2a2a5c0f2a");
  const std::size_t size = std::min(json.size(), header_size - luks_begin);
  return bytes.replace(luks_begin, size, json, 0, size);
}

void look_at(const LuksHeader& header) {
  if (header.crypt.version != 2) std::abort();
  if (!header.strange.empty()) return;  // refused with that reason
  if (header.keys == 0 || header.crypt.offset == 0 || header.crypt.key_bits == 0) std::abort();
  const Node node{"sda1_crypt", {"sda1"}, {}, header.crypt};
  try {
    crypt_rule.check({{}, node, "storage[0]"});
  } catch (const ka::Error&) {
    return;  // the server refuses it
  }
  const Ground small[] = {{std::uint64_t{1} << 36, 512}}, large[] = {{std::uint64_t{1} << 37, 512}};
  if (crypt_rule.joined(node, large).bytes < crypt_rule.joined(node, small).bytes) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    look_at(read_luks_header(with_json(std::string(reinterpret_cast<const char*>(data), size))));
  } catch (const ka::Error&) {
  }
  return 0;
}
