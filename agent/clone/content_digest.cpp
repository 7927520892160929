#include "agent/clone/content_digest.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace ka::agent {

namespace {

constexpr std::uint64_t block_size = 64 * 1024;
constexpr std::array<std::byte, 256> zeros{};

// How many bytes are left without the zeros at the end.
std::size_t without_zeros(std::span<const std::byte> bytes) {
  std::size_t size = bytes.size();
  for (std::uint64_t word = 0; size >= sizeof word; size -= sizeof word) {
    std::memcpy(&word, bytes.data() + size - sizeof word, sizeof word);
    if (word != 0) break;
  }
  while (size > 0 && bytes[size - 1] == std::byte{0}) --size;
  return size;
}

}  // namespace

struct ContentDigest::State {
  XXH3_state_t hash;
  std::uint64_t block = 0;   // its number
  std::uint64_t hashed = 0;  // bytes of it that are in `hash`; 0: it holds nothing but zeros so far
  Value sum;

  void add_within(std::uint64_t at, std::span<const std::byte> bytes) {
    bytes = bytes.first(without_zeros(bytes));
    if (bytes.empty()) return;
    if (hashed == 0) XXH3_128bits_reset_withSeed(&hash, block);
    while (hashed < at) {
      const std::uint64_t some = std::min<std::uint64_t>(at - hashed, zeros.size());
      XXH3_128bits_update(&hash, zeros.data(), some);
      hashed += some;
    }
    XXH3_128bits_update(&hash, bytes.data(), bytes.size());
    hashed += bytes.size();
  }

  void end_block() {
    if (hashed == 0) return;
    const XXH128_hash_t one = XXH3_128bits_digest(&hash);
    sum.low += one.low64;
    sum.high += one.high64;
    hashed = 0;
  }
};

ContentDigest::ContentDigest() : state_(std::make_unique<State>()) {}
ContentDigest::~ContentDigest() = default;

void ContentDigest::reset() {
  state_->block = state_->hashed = 0;
  state_->sum = Value();
}

void ContentDigest::add(std::uint64_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const std::uint64_t block = offset / block_size, at = offset % block_size;
    if (block != state_->block) {
      state_->end_block();
      state_->block = block;
    }
    const auto some = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), block_size - at));
    state_->add_within(at, bytes.first(some));
    bytes = bytes.subspan(some);
    offset += some;
  }
}

ContentDigest::Value ContentDigest::value(std::uint64_t size) {
  state_->end_block();
  Value value = state_->sum;
  value.low += size * 0x9e3779b97f4a7c15;  // odd, so that every size gives another value
  return value;
}

}  // namespace ka::agent
