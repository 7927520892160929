#include "server/operator/node_port.h"

namespace ka::server {

Awaitable<std::optional<asio::ip::tcp::endpoint>> resolve_node(asio::io_context& io, std::string node,
                                                               std::uint16_t port) {
  asio::ip::tcp::resolver resolver(io);
  auto [error, found] = co_await resolver.async_resolve(asio::ip::tcp::v4(), node, std::to_string(port),
                                                        asio::as_tuple(asio::use_awaitable));
  if (error || found.empty()) co_return std::nullopt;
  co_return found.begin()->endpoint();
}

}  // namespace ka::server
