#pragma once
/// What a session of blocks carries: stretches of a device, each behind a header that says where it lies, and at the
/// end the size of the device (docs/protocol.md).

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace ka::wire {

/// Some bytes of a device.
struct Extent {
  std::uint64_t offset = 0, size = 0;

  friend bool operator==(const Extent&, const Extent&) = default;
};

/// What comes before the bytes of an extent.
std::string extent_header(const Extent& extent);
/// What ends a stream of extents.
std::string extents_end(std::uint64_t device_size);

inline constexpr std::size_t extent_header_size = 16;

/// Takes such a stream in pieces of any size.
class ExtentReader {
 public:
  /// `device_size`: what the device of whoever sends it must have.
  explicit ExtentReader(std::uint64_t device_size) : size_(device_size) {}

  using Found = std::function<void(std::uint64_t offset, std::span<const std::byte> bytes)>;

  /// The next bytes of the stream; what they hold of the device goes to `found`, in the order of the device. Throws
  /// ProtocolError if they are no such stream: extents out of order, over each other, or beyond the end.
  void take(std::span<const std::byte> bytes, const Found& found);

  /// Throws ProtocolError unless the end was there.
  void finish() const;

 private:
  void begin();

  std::uint64_t size_;
  std::string header_;      // as much of it as has come
  std::uint64_t at_ = 0;    // where the next byte lies, or the first that the next extent may have
  std::uint64_t left_ = 0;  // of the extent
  bool ended_ = false;
};

}  // namespace ka::wire
