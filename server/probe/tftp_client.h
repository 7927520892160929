#pragma once
/// Files by TFTP (RFC 1350; options: RFC 2347, block size: RFC 2348, size: RFC 2349), as a boot ROM loads its first
/// one.

#include <string>

#include "base/asio.h"
#include "server/probe/fetched.h"

namespace ka::server {

/// What firmware asks for: a packet of 1500 bytes.
inline constexpr std::size_t usual_block = 1468;
/// What every network passes, and every server sends if nothing else was agreed on.
inline constexpr std::size_t smallest_block = 512;

/// Loads `path`, its first 4 MiB at most, or if `whole` is not set its first block alone. Never throws but for this
/// machine's own troubles (Error).
Awaitable<Fetched> tftp_fetch(asio::io_context& io, asio::ip::address_v4 server, std::string path, std::size_t block,
                              bool whole = true);

}  // namespace ka::server
