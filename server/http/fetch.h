#pragma once
/// The asking end of HTTP/1.1, for small documents.

#include <chrono>
#include <functional>
#include <string>

#include "base/asio.h"

namespace ka::server {

/// What is at `url`, "http://HOST[:PORT]/PATH". 64 MiB at most, 20 s at most. Throws Error, which does not repeat the
/// path: it may hold a secret.
Awaitable<std::string> fetch(asio::io_context& io, std::string url);

/// The lines of a document that goes on, each given to `line` once it is whole, until the other side ends it. Throws
/// Error as fetch() does, also if nothing comes for as long as `patience`. Whoever cancels it is heard.
Awaitable<void> fetch_lines(asio::io_context& io, std::string url, std::chrono::seconds patience,
                            std::function<void(const std::string&)> line);

}  // namespace ka::server
