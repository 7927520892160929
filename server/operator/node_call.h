#pragma once
/// A connection to the log port of a node that knows a key, opened by who has it (docs/protocol.md, "Operators").

#include <string>

#include "base/asio.h"
#include "wire/command/channel.h"

namespace ka::server {

class NodeCall {
 public:
  explicit NodeCall(asio::io_context& io) : socket_(io) {}

  /// Throws Error: not reached, wire::command::NoKeys, wire::NotAuthentic, or no answer within `limit`.
  Awaitable<void> open(asio::ip::tcp::endpoint there, const wire::KeyPair& key, std::chrono::seconds limit);
  Awaitable<void> send(wire::command::Message message);
  /// Throws Error when there will be none.
  Awaitable<wire::command::Message> receive();
  void close();

 private:
  Awaitable<void> read_more();

  asio::ip::tcp::socket socket_;
  std::optional<wire::command::Call> call_;
};

}  // namespace ka::server
