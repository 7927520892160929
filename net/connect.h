#pragma once
/// A TCP connection that is there soon, or not at all.

#include <chrono>

#include "base/asio.h"

namespace ka::net {

/// Connects `socket`, which may be closed meanwhile; timed_out, and closed, after `limit`.
Awaitable<boost::system::error_code> connect_within(asio::ip::tcp::socket& socket, asio::ip::tcp::endpoint to,
                                                    std::chrono::milliseconds limit);

/// Throws Error, which names the address and the port.
Awaitable<asio::ip::tcp::socket> connect_to(asio::io_context& io, asio::ip::tcp::endpoint to,
                                            std::chrono::milliseconds limit);

}  // namespace ka::net
