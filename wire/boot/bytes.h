#pragma once
/// Numbers in bytes that come from disks and firmware, never read beyond their end.

#include <cstdint>
#include <string>
#include <string_view>

namespace ka::boot {

/// Reads from the front, little-endian as UEFI has everything. What is not there is 0 or empty, and ok() false then.
class Bytes {
 public:
  explicit Bytes(std::string_view bytes) : left_(bytes) {}

  bool ok() const { return ok_; }
  std::size_t size() const { return left_.size(); }
  std::string_view left() const { return left_; }

  std::string_view take(std::uint64_t size) {
    if (size > left_.size()) {
      ok_ = false;
      left_ = {};
      return {};
    }
    const std::string_view taken = left_.substr(0, static_cast<std::size_t>(size));
    left_.remove_prefix(static_cast<std::size_t>(size));
    return taken;
  }

  template <typename Number>
  Number number() {
    std::uint64_t value = 0;
    const std::string_view bytes = take(sizeof(Number));
    for (std::size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[i]);
    return static_cast<Number>(value);
  }

 private:
  std::string_view left_;
  bool ok_ = true;
};

/// Appends a number, little-endian.
template <typename Number>
void append(std::string& out, Number number) {
  for (std::size_t i = 0; i < sizeof(Number); ++i)
    out += static_cast<char>(static_cast<std::uint64_t>(number) >> 8 * i);
}

}  // namespace ka::boot
