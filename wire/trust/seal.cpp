#include "wire/trust/seal.h"

#include <blake3.h>

#include "base/error.h"
#include "wire/trust/sodium.h"

namespace ka::wire {

Hash hash_of(std::span<const std::byte> bytes) {
  blake3_hasher hasher;
  blake3_hasher_init(&hasher);
  blake3_hasher_update(&hasher, bytes.data(), bytes.size());
  Hash hash;
  blake3_hasher_finalize(&hasher, hash.data(), hash.size());
  return hash;
}

Signer::Signer(const Secret& seed) {
  need_sodium();
  if (seed.text().size() != crypto_sign_SEEDBYTES) throw Error("make a key for seals", "32 random bytes are needed");
  std::string secret(crypto_sign_SECRETKEYBYTES, '\0');
  crypto_sign_seed_keypair(key_.data(), octets(secret), octets(seed.text()));
  secret_ = Secret(secret);
  wipe(secret);
}

Signature Signer::sign(std::string_view message) const {
  Signature signature;
  crypto_sign_detached(signature.data(), nullptr, octets(message), message.size(), octets(secret_.text()));
  return signature;
}

bool is_signed(const SealKey& key, std::string_view message, const Signature& signature) {
  need_sodium();
  return crypto_sign_verify_detached(signature.data(), octets(message), message.size(), key.data()) == 0;
}

void scramble(const Secret& key, std::uint64_t offset, std::span<const std::byte> in, std::byte* out) {
  std::array<unsigned char, crypto_stream_chacha20_ietf_NONCEBYTES> nonce{};
  for (unsigned i = 0; i < 8; ++i) nonce[4 + i] = static_cast<unsigned char>(offset >> (8 * i));
  crypto_stream_chacha20_ietf_xor(reinterpret_cast<unsigned char*>(out),
                                  reinterpret_cast<const unsigned char*>(in.data()), in.size(), nonce.data(),
                                  octets(key.text()));
}

}  // namespace ka::wire
