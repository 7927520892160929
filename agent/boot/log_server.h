#pragma once
/// The log port of a node (TCP 12345). A node that was given no key shows its log to whoever connects: all of it so
/// far, and then each line as it is written; what is sent there is thrown away. One that knows keys says nothing to who
/// has not proved one (agent/command/visitor.h).

#include <functional>
#include <list>
#include <memory>
#include <string>

#include "agent/command/visitor.h"
#include "base/asio.h"
#include "net/door.h"

namespace ka::agent {

class LogServer {
 public:
  /// Of those who have proved no key the one that has been there longest makes room for the next. One address may have
  /// half of them.
  static constexpr std::size_t most_readers = 16;
  static constexpr std::size_t most_proven = 64;  ///< of those who have proved one; nobody makes room

  /// Serves the file at `path`, and commands, as `house` has it. Throws Error if the port is taken.
  LogServer(asio::io_context& io, std::string path, std::uint16_t port, House house = {});
  ~LogServer();

  std::uint16_t port() const;
  /// The file has grown.
  void notify();
  /// The file has another name now; readers keep their place.
  void renamed(std::string path) { house_.log = std::move(path); }

 private:
  class Reader;

  void accept();
  void welcome(asio::ip::tcp::socket socket);

  asio::io_context& io_;
  asio::ip::tcp::acceptor acceptor_;
  asio::steady_timer pause_;
  House house_;
  net::Door door_;
  std::list<std::shared_ptr<Reader>> readers_;
  std::list<std::shared_ptr<Visitor>> visitors_;
};

}  // namespace ka::agent
