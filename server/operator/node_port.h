#pragma once
/// The log port of a node, reached.

#include <chrono>
#include <optional>
#include <string>

#include "base/asio.h"

namespace ka::server {

/// Connects `socket`, which may be closed meanwhile; timed_out after `limit`.
Awaitable<boost::system::error_code> connect_within(asio::ip::tcp::socket& socket, asio::ip::tcp::endpoint there,
                                                    std::chrono::seconds limit);

/// Of an address, or a name that this machine can resolve.
Awaitable<std::optional<asio::ip::tcp::endpoint>> resolve_node(asio::io_context& io, std::string node,
                                                               std::uint16_t port);

}  // namespace ka::server
