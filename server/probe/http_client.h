#pragma once
/// Files by HTTP (RFC 9110), as firmware and boot loaders load them.

#include <string>

#include "base/asio.h"
#include "server/probe/fetched.h"

namespace ka::server {

/// The beginning of what is at http://ADDRESS[:PORT]/PATH. Firmware would ask a name server for another host; that is
/// refused here. Never throws.
Awaitable<Fetched> http_fetch(asio::io_context& io, std::string url);

}  // namespace ka::server
