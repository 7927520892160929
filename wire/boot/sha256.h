#pragma once
/// SHA-256 (FIPS 180-4), by which firmware knows a program, and a golden image its files. Nothing here needs a cipher
/// else.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace ka::boot {

class Sha256 {
 public:
  /// By the processor's own instructions for it, if it has them; `plain`: without, as every processor can.
  explicit Sha256(bool plain = false);
  void add(std::string_view bytes);
  /// 32 bytes; nothing may be added afterwards.
  std::string digest();

 private:
  void blocks(const unsigned char* bytes, std::size_t count);
  void block(const unsigned char* bytes);

  bool plain_;
  std::array<std::uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                         0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::string rest_;  // less than a block
  std::uint64_t bytes_ = 0;
};

/// Small letters.
std::string hexadecimal(std::string_view bytes);

}  // namespace ka::boot
