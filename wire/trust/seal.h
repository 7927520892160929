#pragma once
/// What proves that a stream's bytes are the server's (docs/protocol.md, "Seals"): BLAKE3 of every chunk, and Ed25519
/// (RFC 8032) over a run of them. The server makes a key for each stream; its public half travels in Start.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/secret.h"

namespace ka::wire {

using Hash = std::array<std::uint8_t, 32>;  ///< BLAKE3
using Signature = std::array<std::uint8_t, 64>;
using SealKey = std::array<std::uint8_t, 32>;  ///< Ed25519, public

Hash hash_of(std::span<const std::byte> bytes);

class Signer {
 public:
  /// Of 32 random bytes. Throws Error for any other number.
  explicit Signer(const Secret& seed);

  const SealKey& key() const { return key_; }
  Signature sign(std::string_view message) const;

 private:
  Secret secret_;
  SealKey key_{};
};

bool is_signed(const SealKey& key, std::string_view message, const Signature& signature);

/// ChaCha20 (RFC 8439 §2.4) over a chunk: the key is a stream's own, the nonce the chunk's offset. Encrypts and
/// decrypts; that nothing was changed is what seals are for.
void scramble(const Secret& key, std::uint64_t offset, std::span<const std::byte> in, std::byte* out);

}  // namespace ka::wire
