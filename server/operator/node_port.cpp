#include "server/operator/node_port.h"

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

Awaitable<std::optional<asio::ip::tcp::endpoint>> resolve_node(asio::io_context& io, std::string node,
                                                               std::uint16_t port) {
  asio::ip::tcp::resolver resolver(io);
  auto [error, found] = co_await resolver.async_resolve(asio::ip::tcp::v4(), node, std::to_string(port),
                                                        asio::as_tuple(asio::use_awaitable));
  if (error || found.empty()) co_return std::nullopt;
  co_return found.begin()->endpoint();
}

}  // namespace ka::server
