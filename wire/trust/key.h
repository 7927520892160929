#pragma once
/// The key of a server: X25519 (RFC 7748). Its public half is what nodes are given to know the server by.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"

namespace ka::wire {

inline constexpr std::size_t key_size = 32;
/// Of a public key in text: base64url (RFC 4648 §5) without padding.
inline constexpr std::size_t key_text_size = 43;

using PublicKey = std::array<std::uint8_t, key_size>;

std::string to_text(const PublicKey& key);
/// The 43 characters that to_text() makes, and nothing else.
std::optional<PublicKey> parse_public_key(std::string_view text);
/// Of "KEY,KEY": throws Error that says what is wrong with which.
std::vector<PublicKey> parse_public_keys(std::string_view text);

/// Six words of five letters that can be read out (proquints: 16 bits in each), of the key's SHA-256: two people who
/// hear the same words have the same key. An other key with these words costs 2^96 tries.
std::string fingerprint(const PublicKey& key);

/// In a time that does not tell where they differ. Of different lengths they are not equal.
bool equal_secrets(std::string_view one, std::string_view other);

class KeyPair {
 public:
  /// Of 32 random bytes. Throws Error for any other number.
  explicit KeyPair(Secret secret);

  const Secret& secret() const { return secret_; }
  const PublicKey& public_key() const { return public_; }

 private:
  Secret secret_;
  PublicKey public_{};
};

/// The private half in text, as a key file has it: base64url, as the public one.
Secret secret_text(const KeyPair& key);
/// Throws Error, which does not show the text, when it is not one.
KeyPair parse_key_pair(std::string_view text);

}  // namespace ka::wire
