#pragma once
/// What a file holds, in 16 bytes.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace ka::agent {

/// Zeros count for nothing, whether they were written or are a hole: a file is cut into blocks of 64 KiB, and each
/// that holds something else is hashed up to its last byte that is not zero, with its number as the seed. The digest
/// is the sum of these, and the file's size. It finds damage, not malice.
class ContentDigest {
 public:
  struct Value {
    std::uint64_t low = 0, high = 0;
    bool operator==(const Value&) const = default;
  };

  ContentDigest();
  ~ContentDigest();
  ContentDigest(const ContentDigest&) = delete;

  /// Begins anew.
  void reset();
  /// `bytes` lie at `offset`; calls come in the order of offsets. What lies between two calls are zeros.
  void add(std::uint64_t offset, std::span<const std::byte> bytes);
  /// Of a file of `size` bytes. Call once.
  Value value(std::uint64_t size);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ka::agent
