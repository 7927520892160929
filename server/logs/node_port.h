#pragma once
/// The port of a node that gives its log.

#include <chrono>

#include "base/asio.h"

namespace ka::server {

/// Connects `socket`, which may be closed meanwhile; timed_out after `limit`.
Awaitable<boost::system::error_code> connect_within(asio::ip::tcp::socket& socket, asio::ip::tcp::endpoint there,
                                                    std::chrono::seconds limit);

}  // namespace ka::server
