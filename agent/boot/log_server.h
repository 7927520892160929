#pragma once
/// The log port of a node (TCP 12345): whoever connects gets the whole log so far, and then each line as it is written.
/// Read-only: what is sent here is thrown away.

#include <functional>
#include <list>
#include <memory>
#include <string>

#include "base/asio.h"
#include "net/door.h"

namespace ka::agent {

class LogServer {
 public:
  /// The one that has been there longest makes room for the next. One address may have half of them.
  static constexpr std::size_t most_readers = 16;

  /// Serves the file at `path`. Throws Error if the port is taken.
  LogServer(asio::io_context& io, std::string path, std::uint16_t port);
  ~LogServer();

  std::uint16_t port() const;
  /// The file has grown.
  void notify();
  /// The file has another name now; readers keep their place.
  void renamed(std::string path) { path_ = std::move(path); }

 private:
  class Reader;

  void accept();
  void welcome(asio::ip::tcp::socket socket);
  void drop(std::list<std::shared_ptr<Reader>>::iterator reader);

  asio::ip::tcp::acceptor acceptor_;
  asio::steady_timer pause_;
  std::string path_;
  net::Door door_;
  std::list<std::shared_ptr<Reader>> readers_;
};

}  // namespace ka::agent
