#pragma once
/// The Noise Protocol Framework, revision 34 (noiseprotocol.org), as far as it is used here: the patterns NK and KN
/// with X25519, ChaCha20-Poly1305 and SHA-256. No I/O, and no randomness: ephemeral keys are given.
///
/// NK: the initiator knows the responder's static key: a node and its server. KN: the responder knows the
/// initiator's: a node and its operator. Both give secrecy against whoever gets the static key later.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "wire/trust/key.h"

namespace ka::wire {

/// The other side has not the key that it should have, or somebody has changed what it said.
class NotAuthentic : public Error {
  using Error::Error;
};

/// One direction of an established connection (Noise §5.1, CipherState). Messages cannot be left out, repeated or
/// exchanged: each has the nonce after the one before.
class Cipher {
 public:
  static constexpr std::size_t overhead = 16;  ///< bytes that a message becomes longer

  explicit Cipher(Secret key) : key_(std::move(key)) {}

  std::string encrypt(std::string_view plain, std::string_view associated = {});
  /// Throws NotAuthentic, after which the connection is of no more use.
  std::string decrypt(std::string_view cipher, std::string_view associated = {});

 private:
  std::array<unsigned char, 12> next_nonce();

  Secret key_;
  std::uint64_t nonce_ = 0;
};

class Handshake {
 public:
  enum class Pattern { nk, kn };
  enum class Side { initiator, responder };

  struct Keys {
    KeyPair ephemeral;                ///< fresh for each handshake
    std::optional<KeyPair> own;       ///< NK: the responder's; KN: the initiator's
    std::optional<PublicKey> theirs;  ///< NK: what the initiator expects; KN: what the responder expects
  };

  /// `prologue`: what both sides must agree on besides, as it is. Throws Error when a key that the pattern needs is
  /// missing.
  Handshake(Pattern pattern, Side side, std::string_view prologue, Keys keys);

  /// The next message; both patterns have two, the initiator's first.
  std::string write(std::string_view payload = {});
  /// The payload of the other side's. Throws NotAuthentic.
  std::string read(std::string_view message);

  struct Ciphers {
    Cipher out, in;
  };
  /// After the second message (Noise §5.2, Split).
  Ciphers ciphers() const;
  /// The same on both sides and on no other connection (Noise §11.2).
  const std::string& hash() const { return hash_; }

 private:
  void mix_hash(std::string_view bytes);
  void mix_key(const Secret& secret, const PublicKey& theirs);
  std::string encrypt_and_hash(std::string_view plain);
  std::string decrypt_and_hash(std::string_view cipher);
  void mix_second();

  Pattern pattern_;
  Side side_;
  Keys keys_;
  std::optional<PublicKey> their_ephemeral_;
  std::string hash_;
  Secret chaining_;
  std::optional<Cipher> cipher_;
  unsigned messages_ = 0;
};

}  // namespace ka::wire
