// Any bytes in the place of a manifest: refused, or one that a server could have sent and that means the same then.

#include <cstdint>
#include <cstdlib>

#include "base/error.h"
#include "wire/manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ka::wire;
  Manifest manifest;
  try {
    manifest = parse_manifest({reinterpret_cast<const char*>(data), size});
  } catch (const ka::Error&) {
    return 0;
  }
  const std::string sent = to_json(manifest);
  if (to_json(parse_manifest(sent)) != sent) std::abort();
  return 0;
}
