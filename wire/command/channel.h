#pragma once
/// The two ends of a connection to a node's log port (docs/protocol.md, "Operators"), as state machines: the caller
/// proves by Noise KN that he has a key that the node was given, and is not told before that even who the node is. No
/// I/O, and no randomness: ephemeral keys are given.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wire/command/messages.h"
#include "wire/trust/noise.h"

namespace ka::wire::command {

inline constexpr std::string_view magic = "KAO1";
inline constexpr std::string_view prologue = "KA operator 1";
inline constexpr std::uint8_t version = 1;
/// Which key is meant, for who knows the key already: SHA-256 of the prologue, the ephemeral and the static key, cut.
inline constexpr std::size_t hint_size = 8;
inline constexpr std::size_t opening_size = 4 + 1 + hint_size + key_size;
inline constexpr std::size_t answer_size = 4 + key_size + Cipher::overhead;

/// The node has no key, and shows its log to everybody: it takes no commands.
class NoKeys : public Error {
  using Error::Error;
};

/// Cuts what comes into frames, u16 length and so many bytes, and opens them.
class Frames {
 public:
  explicit Frames(Handshake::Ciphers ciphers) : ciphers_(std::move(ciphers)) {}

  /// Takes a whole frame off `pending`, if there is one. Throws ProtocolError for a length that cannot be, at once, and
  /// NotAuthentic.
  std::optional<Message> take(std::string& pending);
  std::string encode(const Message& message);

 private:
  Handshake::Ciphers ciphers_;
};

/// The operator's end.
class Call {
 public:
  Call(const KeyPair& key, KeyPair ephemeral);

  /// What he says first.
  const std::string& opening() const { return opening_; }
  void feed(std::string_view bytes) { pending_.append(bytes); }
  /// The node has answered as only one does that was given this key. Looks at what came. Throws NoKeys, and
  /// NotAuthentic when it has other keys, or when somebody in between has changed a byte.
  bool is_open();
  /// Once it is open. Throws as Frames::take().
  std::optional<Message> next() { return frames_->take(pending_); }
  std::string encode(const Message& message) { return frames_->encode(message); }

 private:
  Handshake handshake_;
  std::string opening_, pending_;
  std::optional<Frames> frames_;
};

/// The node's end.
class Visit {
 public:
  /// `keys`: those that this node was given. `nobody`: a fresh key that nobody has; an opening that names none of
  /// `keys` is answered for it, in the same form, so that a stranger does not learn whether he has guessed one.
  Visit(std::vector<PublicKey> keys, const PublicKey& nobody, KeyPair ephemeral);

  void feed(std::string_view bytes) { pending_.append(bytes); }
  /// What is to be sent, once, when the opening is there; else empty. Throws ProtocolError at the first byte that is
  /// none of an opening.
  std::string answer();
  /// The next message. The first one that comes is the proof. Throws as Frames::take().
  std::optional<Message> next();
  std::string encode(const Message& message) { return frames_->encode(message); }
  /// The key that the caller has proved to have.
  const std::optional<PublicKey>& proven() const { return proven_; }

 private:
  std::vector<PublicKey> keys_;
  PublicKey nobody_;
  KeyPair ephemeral_;
  std::string pending_;
  std::optional<PublicKey> meant_, proven_;
  std::optional<Frames> frames_;
};

}  // namespace ka::wire::command
