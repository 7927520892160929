// Any bytes in the place of a stream of blocks: what is taken lies on the device, one behind the other, however the
// stream is cut.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "wire/codec.h"
#include "wire/extents.h"

namespace {

using namespace ka::wire;

constexpr std::uint64_t device_size = 5000;

struct Taken {
  std::string bytes;
  std::vector<std::uint64_t> places;
  bool whole = false;

  bool operator==(const Taken&) const = default;
};

Taken take(std::span<const std::byte> stream, std::size_t step) {
  Taken taken;
  ExtentReader reader(device_size);
  std::uint64_t end = 0;
  auto found = [&](std::uint64_t offset, std::span<const std::byte> bytes) {
    if (offset < end || offset > device_size || bytes.size() > device_size - offset) std::abort();
    end = offset + bytes.size();
    for (std::size_t i = 0; i < bytes.size(); ++i) taken.places.push_back(offset + i);
    taken.bytes.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  };
  try {
    for (; !stream.empty(); stream = stream.subspan(std::min(step, stream.size())))
      reader.take(stream.first(std::min(step, stream.size())), found);
    reader.finish();
    taken.whole = true;
  } catch (const ProtocolError&) {
  }
  return taken;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span stream(reinterpret_cast<const std::byte*>(data), size);
  if (take(stream, 1) != take(stream, 4096)) std::abort();
  return 0;
}
