#pragma once
/// NODE of exec and shell: where it is, and the key to command it.

#include <string>

#include "base/asio.h"
#include "wire/trust/key.h"

namespace ka::server {

/// Of an address; of a name or hardware address by the log that is kept of it, as `ka-server log` does; else as this
/// machine resolves it. Throws Error.
Awaitable<asio::ip::tcp::endpoint> find_called_node(asio::io_context& io, std::string node);

/// The key in `file`, or the site's own. Throws Error when there is none: commands need one at every level.
wire::KeyPair key_for_commands(const std::string& file);

/// "NODE: TROUBLE" to standard error.
void say_trouble(const std::string& node, const std::string& trouble);

}  // namespace ka::server
