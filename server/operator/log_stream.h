#pragma once
/// The log of a node as its log port gives it: from the first line, as it grows; by a key, or, where the site has none,
/// in clear.

#include <optional>
#include <string>

#include "server/operator/node_call.h"

namespace ka::server {

class LogStream {
 public:
  LogStream(asio::io_context& io, std::optional<wire::KeyPair> key) : key_(std::move(key)), clear_(io), call_(io) {}

  /// Why it is not open; empty: it is.
  Awaitable<std::string> open(asio::ip::tcp::endpoint there, std::chrono::seconds limit);

  struct Piece {
    std::string bytes;
    bool end = false;
    std::string why;  ///< of an end: empty where the node closed it
  };
  /// What comes next.
  Awaitable<Piece> read();
  void close();

 private:
  Awaitable<Piece> read_in_clear();

  std::optional<wire::KeyPair> key_;
  asio::ip::tcp::socket clear_;
  NodeCall call_;
};

}  // namespace ka::server
