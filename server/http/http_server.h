#pragma once
/// An HTTP/1.1 server (RFC 9110, RFC 9112) for whoever may ask: firmware and boot loaders for files, browsers for a
/// view of the job. GET and HEAD; what is answered is somebody else's business. Connections, the size of a request and
/// the time without progress are bounded.

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/asio.h"

namespace ka::server {

struct HttpRequest {
  std::string_view target;         ///< as it was sent: "/all.rdz", "/status.json?x=1"
  std::string_view authorization;  ///< that field; empty: there is none
};

/// An answer that goes on as long as there is something to say.
class HttpStream {
 public:
  virtual ~HttpStream() = default;
  /// What comes next, once it is there; nullptr: this was all. Whoever takes nothing of it for
  /// Limits::patience is cut off.
  virtual Awaitable<std::shared_ptr<const std::string>> next() = 0;
};

struct HttpAnswer {
  unsigned status = 404;
  std::string type = "application/octet-stream";
  std::vector<std::pair<std::string, std::string>> fields;  ///< besides the type
  std::shared_ptr<const std::string> content;               ///< nullptr: none
  std::shared_ptr<HttpStream> stream;                       ///< instead of a content
};

class HttpServer {
 public:
  /// Called for each GET and HEAD; must not wait.
  using Answer = std::function<HttpAnswer(const HttpRequest&)>;

  struct Limits {
    std::size_t connections = 1024, of_address = 16;
    double new_per_second = 32, new_at_once = 64;  ///< of one address
    std::chrono::milliseconds patience{30'000};    ///< without any progress
  };

  /// Has its port at once, and answers from begin() on. Throws Error, beginning with `purpose` ("serve boot files") and
  /// naming the port, if it cannot.
  HttpServer(asio::io_context& io, const std::string& purpose, asio::ip::address_v4 address, std::uint16_t port,
             const Limits& limits, Answer answer);
  /// Listens nowhere: answers those whom take() is given.
  HttpServer(asio::io_context& io, const Limits& limits, Answer answer);
  /// Nobody is answered any more; what is under way is cut off.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// Before that nobody is read; who has come waits.
  void begin();
  std::uint16_t port() const;
  /// A connection that somebody else has accepted. Closed at once if there are as many as the limits have.
  void take(asio::ip::tcp::socket socket);
  /// Whether an answer is still on its way to somebody.
  bool busy() const;
  /// Until no answer is on its way to anybody any more; two seconds at most. *this must live as long.
  Awaitable<void> farewell();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// Files by path, from "/". They stay in memory, so that whoever loads one waits for no disk.
using HttpFiles = std::map<std::string, std::string, std::less<>>;
HttpServer::Answer answer_files(HttpFiles files);

}  // namespace ka::server
