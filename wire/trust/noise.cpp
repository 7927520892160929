#include "wire/trust/noise.h"

#include <algorithm>
#include <utility>

#include "wire/trust/sodium.h"

namespace ka::wire {

namespace {

constexpr std::size_t hash_size = crypto_hash_sha256_BYTES;
static_assert(Cipher::overhead == crypto_aead_chacha20poly1305_ietf_ABYTES);

std::string_view bytes_of(const PublicKey& key) { return {reinterpret_cast<const char*>(key.data()), key.size()}; }

Secret hmac(std::string_view key, std::string_view first, std::string_view second) {
  std::array<unsigned char, hash_size> out;
  crypto_auth_hmacsha256_state state;
  crypto_auth_hmacsha256_init(&state, octets(key), key.size());
  crypto_auth_hmacsha256_update(&state, octets(first), first.size());
  crypto_auth_hmacsha256_update(&state, octets(second), second.size());
  crypto_auth_hmacsha256_final(&state, out.data());
  Secret secret({reinterpret_cast<const char*>(out.data()), out.size()});
  sodium_memzero(out.data(), out.size());
  sodium_memzero(&state, sizeof state);
  return secret;
}

// Noise §4.3, HKDF with two outputs.
std::pair<Secret, Secret> two_keys(const Secret& chaining, std::string_view material) {
  const Secret temporary = hmac(chaining.text(), material, {});
  Secret first = hmac(temporary.text(), {}, "\x01");
  Secret second = hmac(temporary.text(), first.text(), "\x02");
  return {std::move(first), std::move(second)};
}

}  // namespace

// 32 bits of zeros and the number, little-endian (Noise §12.3).
std::array<unsigned char, 12> Cipher::next_nonce() {
  if (nonce_ == ~std::uint64_t{0}) throw Error("encrypt a message", "this connection has carried all that it can");
  std::array<unsigned char, 12> nonce{};
  for (unsigned i = 0; i < 8; ++i) nonce[4 + i] = static_cast<unsigned char>(nonce_ >> (8 * i));
  ++nonce_;
  return nonce;
}

std::string Cipher::encrypt(std::string_view plain, std::string_view associated) {
  const auto nonce = next_nonce();
  std::string out(plain.size() + overhead, '\0');
  crypto_aead_chacha20poly1305_ietf_encrypt(octets(out), nullptr, octets(plain), plain.size(), octets(associated),
                                            associated.size(), nullptr, nonce.data(), octets(key_.text()));
  return out;
}

std::string Cipher::decrypt(std::string_view cipher, std::string_view associated) {
  const auto nonce = next_nonce();
  if (cipher.size() < overhead) throw NotAuthentic("an encrypted message is cut short");
  std::string out(cipher.size() - overhead, '\0');
  if (crypto_aead_chacha20poly1305_ietf_decrypt(octets(out), nullptr, nullptr, octets(cipher), cipher.size(),
                                                octets(associated), associated.size(), nonce.data(),
                                                octets(key_.text())) != 0)
    throw NotAuthentic("an encrypted message is not what its sender made");
  return out;
}

Handshake::Handshake(Pattern pattern, Side side, std::string_view prologue, Keys keys)
    : pattern_(pattern), side_(side), keys_(std::move(keys)) {
  need_sodium();
  const char* name = pattern == Pattern::nk ? "Noise_NK_25519_ChaChaPoly_SHA256" : "Noise_KN_25519_ChaChaPoly_SHA256";
  hash_ = name;  // just as long as a hash is (Noise §5.2, InitializeSymmetric)
  chaining_ = Secret(hash_);
  mix_hash(prologue);
  const bool knows = (pattern == Pattern::nk) == (side == Side::initiator);
  if (knows ? !keys_.theirs : !keys_.own) throw Error("begin a handshake", "a static key is missing");
  mix_hash(bytes_of(knows ? *keys_.theirs : keys_.own->public_key()));
}

void Handshake::mix_hash(std::string_view bytes) {
  crypto_hash_sha256_state state;
  crypto_hash_sha256_init(&state);
  crypto_hash_sha256_update(&state, octets(hash_), hash_.size());
  crypto_hash_sha256_update(&state, octets(bytes), bytes.size());
  hash_.resize(hash_size);
  crypto_hash_sha256_final(&state, octets(hash_));
}

void Handshake::mix_key(const Secret& secret, const PublicKey& theirs) {
  std::string shared(crypto_scalarmult_BYTES, '\0');
  // Keys of low order would make a secret that everybody knows (RFC 7748 §6.1).
  if (crypto_scalarmult(octets(shared), octets(secret.text()), theirs.data()) != 0)
    throw NotAuthentic("the other side's key is none that can be used");
  auto [chaining, key] = two_keys(chaining_, shared);
  wipe(shared);
  chaining_ = std::move(chaining);
  cipher_.emplace(std::move(key));
}

std::string Handshake::encrypt_and_hash(std::string_view plain) {
  std::string out = cipher_ ? cipher_->encrypt(plain, hash_) : std::string(plain);
  mix_hash(out);
  return out;
}

std::string Handshake::decrypt_and_hash(std::string_view cipher) {
  std::string out = cipher_ ? cipher_->decrypt(cipher, hash_) : std::string(cipher);
  mix_hash(cipher);
  return out;
}

// The tokens behind `e`: of the first message "es" in NK, of the second "ee", and "se" in KN.
void Handshake::mix_second() {
  const bool initiates = side_ == Side::initiator;
  if (messages_ == 0) {
    if (pattern_ == Pattern::kn) return;
    if (initiates)
      mix_key(keys_.ephemeral.secret(), *keys_.theirs);
    else
      mix_key(keys_.own->secret(), *their_ephemeral_);
    return;
  }
  mix_key(keys_.ephemeral.secret(), *their_ephemeral_);
  if (pattern_ == Pattern::nk) return;
  if (initiates)
    mix_key(keys_.own->secret(), *their_ephemeral_);
  else
    mix_key(keys_.ephemeral.secret(), *keys_.theirs);
}

std::string Handshake::write(std::string_view payload) {
  std::string out(bytes_of(keys_.ephemeral.public_key()));
  mix_hash(out);
  mix_second();
  out += encrypt_and_hash(payload);
  ++messages_;
  return out;
}

std::string Handshake::read(std::string_view message) {
  if (message.size() < key_size) throw NotAuthentic("a handshake is cut short");
  PublicKey key;
  std::copy_n(octets(message), key_size, key.begin());
  their_ephemeral_ = key;
  mix_hash(message.substr(0, key_size));
  mix_second();
  std::string payload = decrypt_and_hash(message.substr(key_size));
  ++messages_;
  return payload;
}

Handshake::Ciphers Handshake::ciphers() const {
  if (messages_ != 2) throw Error("use a connection", "its handshake is not at its end");
  auto [first, second] = two_keys(chaining_, {});
  if (side_ == Side::initiator) return {Cipher(std::move(first)), Cipher(std::move(second))};
  return {Cipher(std::move(second)), Cipher(std::move(first))};
}

}  // namespace ka::wire
