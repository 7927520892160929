#pragma once
/// A shell on a node, on the terminal of this process.

#include "server/operator/remote_command.h"

namespace ka::server {

/// Until it ends; what is typed goes there, and the window's size. "Enter ~ ." leaves it, also where the node says
/// nothing more. The terminal is afterwards as it was. Throws Error.
Awaitable<RemoteEnd> run_remote_shell(asio::io_context& io, asio::ip::tcp::endpoint there, const wire::KeyPair& key);

}  // namespace ka::server
