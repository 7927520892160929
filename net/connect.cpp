#include "net/connect.h"

#include <memory>

#include "base/error.h"

namespace ka::net {

using asio::ip::tcp;

Awaitable<tcp::socket> connect_to(asio::io_context& io, tcp::endpoint to, std::chrono::milliseconds limit) {
  tcp::socket socket(io);
  asio::steady_timer timer(io, limit);
  // A timer that has gone off can no longer be cancelled: its handler may come when there is an answer already.
  auto answered = std::make_shared<bool>(false);
  auto give_up = [&socket, answered](boost::system::error_code error) {
    boost::system::error_code ignored;
    if (!error && !*answered) socket.close(ignored);
  };
  timer.async_wait(give_up);
  auto [error] = co_await socket.async_connect(to, asio::as_tuple(asio::use_awaitable));
  *answered = true;
  if (error)
    throw Error("connect to " + to.address().to_string() + " port " + std::to_string(to.port()),
                error == asio::error::operation_aborted ? "no answer" : error.message());
  co_return socket;
}

}  // namespace ka::net
