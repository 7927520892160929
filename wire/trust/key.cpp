#include "wire/trust/key.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "wire/trust/sodium.h"

namespace ka::wire {

namespace {

constexpr int variant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
constexpr std::size_t fingerprint_words = 6;

std::string encoded(const unsigned char* bytes) {
  std::string text(key_text_size + 1, '\0');
  sodium_bin2base64(text.data(), text.size(), bytes, key_size, variant);
  text.pop_back();
  return text;
}

// The last of 43 characters has two bits too many: other than zero they would be a second way to write the same key.
bool decode(std::string_view text, unsigned char* bytes) {
  std::size_t size = 0;
  return text.size() == key_text_size &&
         sodium_base642bin(bytes, key_size, text.data(), text.size(), nullptr, &size, nullptr, variant) == 0 &&
         size == key_size;
}

// A proquint: consonants of four bits, vowels of two, "CVCVC".
std::string word(unsigned bits) {
  const char* consonants = "bdfghjklmnprstvz";
  const char* vowels = "aiou";
  std::string text;
  for (int i = 4, left = 16; i >= 0; --i) {
    left -= i % 2 == 0 ? 4 : 2;
    text += i % 2 == 0 ? consonants[(bits >> left) & 15] : vowels[(bits >> left) & 3];
  }
  return text;
}

}  // namespace

std::string to_text(const PublicKey& key) { return encoded(key.data()); }

std::optional<PublicKey> parse_public_key(std::string_view text) {
  PublicKey key;
  if (!decode(text, key.data())) return std::nullopt;
  return key;
}

std::vector<PublicKey> parse_public_keys(std::string_view text) {
  std::vector<PublicKey> keys;
  for (std::string_view one : split(text, ',')) {
    const std::optional<PublicKey> key = parse_public_key(one);
    if (!key)
      throw Error("read the key \"" + printable(one) + "\"",
                  "a key is " + std::to_string(key_text_size) + " letters, digits, - and _, as ka-server key shows it");
    keys.push_back(*key);
  }
  return keys;
}

std::string fingerprint(const PublicKey& key) {
  need_sodium();
  std::array<unsigned char, crypto_hash_sha256_BYTES> hash;
  crypto_hash_sha256(hash.data(), key.data(), key.size());
  std::string text;
  for (std::size_t i = 0; i < fingerprint_words; ++i) {
    if (i != 0) text += '-';
    text += word(hash[2 * i] << 8 | hash[2 * i + 1]);
  }
  return text;
}

bool equal_secrets(std::string_view one, std::string_view other) {
  return one.size() == other.size() && sodium_memcmp(one.data(), other.data(), one.size()) == 0;
}

KeyPair::KeyPair(Secret secret) : secret_(std::move(secret)) {
  need_sodium();
  if (secret_.text().size() != key_size) throw Error("make a key", "32 random bytes are needed");
  crypto_scalarmult_base(public_.data(), octets(secret_.text()));
}

Secret secret_text(const KeyPair& key) {
  std::string text = encoded(octets(key.secret().text()));
  Secret secret(text);
  wipe(text);
  return secret;
}

KeyPair parse_key_pair(std::string_view text) {
  std::string bytes(key_size, '\0');
  const bool right = decode(text, octets(bytes));
  Secret secret(bytes);
  wipe(bytes);
  if (!right) throw Error("read a private key", "it is not 43 letters, digits, - and _, as ka-server key writes it");
  return KeyPair(std::move(secret));
}

}  // namespace ka::wire
