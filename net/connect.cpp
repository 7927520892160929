#include "net/connect.h"

#include "base/error.h"
#include "net/deadline.h"

namespace ka::net {

using asio::ip::tcp;
using boost::system::error_code;

Awaitable<error_code> connect_within(tcp::socket& socket, tcp::endpoint to, std::chrono::milliseconds limit) {
  const auto give_up = [&socket] {
    error_code ignored;
    socket.close(ignored);
  };
  const Deadline deadline(socket.get_executor(), limit, give_up);
  const auto [error] = co_await socket.async_connect(to, asio::as_tuple(asio::use_awaitable));
  co_return error&& deadline.passed() ? error_code(asio::error::timed_out) : error;
}

Awaitable<tcp::socket> connect_to(asio::io_context& io, tcp::endpoint to, std::chrono::milliseconds limit) {
  tcp::socket socket(io);
  const error_code error = co_await connect_within(socket, to, limit);
  if (error)
    throw Error("connect to " + to.address().to_string() + " port " + std::to_string(to.port()),
                error == asio::error::timed_out ? "no answer" : error.message());
  co_return socket;
}

}  // namespace ka::net
