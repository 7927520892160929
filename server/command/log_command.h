#pragma once
/// `ka-server log`: the log of one node, from where the server keeps it, or from the node itself.

#include <functional>
#include <optional>
#include <string>

#include "base/asio.h"
#include "wire/ports.h"
#include "wire/trust/key.h"

namespace CLI {
class App;
}

namespace ka::server {

void add_log_command(CLI::App& app, std::function<int()>& chosen);

struct LogRequest {
  std::string node;     ///< name, address or hardware address
  std::string session;  ///< empty: the newest one, else the node itself
  bool follow = false;
  std::string folder;                   ///< where logs are kept
  std::uint16_t port = wire::log_port;  ///< of the node itself
  std::optional<wire::KeyPair> key;     ///< of this site; none: the node is asked in clear
};

/// Writes the log to `write`, with control characters escaped; what an operator should know besides to `say`. Throws
/// Error if there is none, or if it broke off.
Awaitable<void> show_log(asio::io_context& io, LogRequest request, std::function<void(std::string_view)> write,
                         std::function<void(const std::string&)> say);

}  // namespace ka::server
