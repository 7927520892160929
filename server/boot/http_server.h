#pragma once
/// Files by HTTP/1.1 (RFC 9110, RFC 9112), for firmware and boot loaders: GET and HEAD, by path; nothing else. Anybody
/// on the network may ask: connections, the size of a request and the time without progress are bounded.

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "base/asio.h"

namespace ka::server {

class HttpServer {
 public:
  /// By path, from "/"; they stay in memory, so that whoever loads one waits for no disk.
  using Files = std::map<std::string, std::string, std::less<>>;

  /// Listens at once. Throws Error, naming the port, if it cannot.
  HttpServer(asio::io_context& io, asio::ip::address_v4 address, std::uint16_t port, Files files);
  /// Nobody is answered any more; what is under way is cut off.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  std::uint16_t port() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace ka::server
