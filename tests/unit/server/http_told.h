#pragma once
/// The asking end of HTTP as bytes.

#include <string>

#include "base/asio.h"

namespace ka::server {

/// All that is answered to the request until the other side closes the connection.
inline Awaitable<std::string> told_by(asio::ip::tcp::socket socket, std::string request) {
  auto bytes = asio::buffer(request);
  co_await asio::async_write(socket, bytes, asio::as_tuple(asio::use_awaitable));
  std::string answer;
  auto room = asio::dynamic_buffer(answer);
  co_await asio::async_read(socket, room, asio::as_tuple(asio::use_awaitable));
  co_return answer;
}

}  // namespace ka::server
