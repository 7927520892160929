#pragma once
/// A TCP connection that carries the messages of wire/messages.h.

#include <memory>
#include <optional>
#include <string>

#include "base/asio.h"
#include "wire/greeting.h"
#include "wire/messages.h"

namespace ka::net {

using asio::ip::tcp;

wire::Endpoint to_wire(const tcp::endpoint& endpoint);
tcp::endpoint from_wire(const wire::Endpoint& endpoint);

/// Lets the kernel find a peer that vanished without a word, and never wait to fill a packet.
void set_common_options(tcp::socket& socket);

/// Always owned by a shared_ptr: it keeps itself alive while it still has something to send.
class ControlConnection : public std::enable_shared_from_this<ControlConnection> {
 public:
  explicit ControlConnection(tcp::socket socket);

  wire::Endpoint remote() const { return remote_; }
  /// The address of this machine that the peer sees.
  wire::Endpoint local() const { return local_; }

  /// Whether HTTP is what comes: a letter is first, where a message has a zero. Waits for it, and leaves it there.
  /// Throws Error as receive() does.
  Awaitable<bool> speaks_http();
  /// Somebody else's from now on; nothing was read of it, or said.
  tcp::socket release() { return std::move(socket_); }

  /// The server's first words with whoever came; with a `key` all that follows is encrypted. Throws wire::NotWelcome
  /// with what is to be said to the other side, and Error as receive() does.
  Awaitable<void> greet_node(std::optional<wire::KeyPair> key);
  /// A node's: with a `key` nobody but its holder is listened to. Throws wire::Unproven, wire::TurnedAway, and Error as
  /// receive() does.
  Awaitable<void> greet_server(std::optional<wire::PublicKey> key);

  /// Queues the message; never blocks. A peer that takes nothing for so long that 64 KiB pile up is cut off.
  void send(const wire::Message& message);
  /// The next message. Throws Error with the reason when there will be none: closed, broken, not the protocol.
  Awaitable<wire::Message> receive();
  /// Closes when all that was sent has gone out.
  void close_after_sending();
  /// Closes at once. A receive() that waits then throws.
  void close();
  /// All that was sent is out, or the connection is closed.
  bool idle() const { return !writing_; }

 private:
  Awaitable<void> write_all(std::shared_ptr<ControlConnection> self);
  void encrypt(std::optional<wire::Handshake::Ciphers> ciphers);

  tcp::socket socket_;
  wire::Endpoint remote_, local_;
  wire::MessageDecoder decoder_;
  std::optional<wire::Cipher> cipher_;  ///< of what is sent
  std::string outgoing_;
  bool writing_ = false;
  bool closing_ = false;
};

}  // namespace ka::net
