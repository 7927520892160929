#pragma once
/// How a control connection begins (docs/protocol.md, "Greeting"): Hello and Welcome, and the proof in them that the
/// server has the key that the node knows. No I/O; what is random is given.

#include <optional>

#include "base/secret.h"
#include "wire/messages.h"

namespace ka::wire {

/// Whoever answers has not shown that it has the key that this node knows: it is told nothing.
class Unproven : public Error {
  using Error::Error;
};

/// The no of a server that had to show nothing.
class TurnedAway : public Error {
  using Error::Error;
};

/// The server's no to a hello; what() is what the node hears.
class NotWelcome : public Error {
  using Error::Error;
};

/// The node's side of one connection.
class NodeGreeting {
 public:
  /// `server`: the key that the other side must have; nothing: whoever answers is the server, and nothing is encrypted.
  /// `ephemeral`: 32 random bytes, fresh for each connection.
  NodeGreeting(std::optional<PublicKey> server, Secret ephemeral);

  const Hello& hello() const { return hello_; }
  /// Of its answer; what all that follows is encrypted with. Throws Unproven; TurnedAway where nothing had to be shown.
  std::optional<Handshake::Ciphers> accept(const Message& answer);

 private:
  std::optional<Handshake> handshake_;
  Hello hello_;
};

/// The server's answer to whoever says the first word of a connection.
struct Greeted {
  Welcome welcome;
  std::optional<Handshake::Ciphers> ciphers;
};
/// `key`: that of this server; nothing: level open. Throws NotWelcome.
Greeted greet(const Message& first, const std::optional<KeyPair>& key, Secret ephemeral);

}  // namespace ka::wire
