#pragma once
/// Where a node is, by the name that an operator gives it.

#include <optional>
#include <string>

#include "base/asio.h"

namespace ka::server {

/// Of an address, or a name that this machine can resolve.
Awaitable<std::optional<asio::ip::tcp::endpoint>> resolve_node(asio::io_context& io, std::string node,
                                                               std::uint16_t port);

}  // namespace ka::server
