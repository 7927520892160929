#include "server/logs/node_port.h"

namespace ka::server {

Awaitable<boost::system::error_code> connect_within(asio::ip::tcp::socket& socket, asio::ip::tcp::endpoint there,
                                                    std::chrono::seconds limit) {
  using namespace asio::experimental::awaitable_operators;
  asio::steady_timer timer(socket.get_executor(), limit);
  auto connected = socket.async_connect(there, asio::as_tuple(asio::use_awaitable));
  auto late = timer.async_wait(asio::as_tuple(asio::use_awaitable));
  const auto result = co_await (std::move(connected) || std::move(late));
  co_return result.index() == 0 ? std::get<0>(std::get<0>(result)) : asio::error::timed_out;
}

}  // namespace ka::server
