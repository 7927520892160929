#pragma once
/// The asking end of HTTP/1.1, for small documents.

#include <string>

#include "base/asio.h"

namespace ka::server {

/// What is at `url`, "http://HOST[:PORT]/PATH". 64 MiB at most, 20 s at most. Throws Error, which does not repeat the
/// path: it may hold a secret.
Awaitable<std::string> fetch(asio::io_context& io, std::string url);

}  // namespace ka::server
