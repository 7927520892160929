#include "server/command/called_node.h"

#include <unistd.h>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "server/logs/log_folder.h"
#include "server/logs/log_names.h"
#include "server/operator/node_port.h"
#include "server/options/key_file.h"
#include "wire/ports.h"

namespace ka::server {

Awaitable<asio::ip::tcp::endpoint> find_called_node(asio::io_context& io, std::string node) {
  std::string address = node;
  if (!parse_address(node)) {
    // NAME_ADDRESS_HARDWARE-ADDRESS.log; the newest is the last.
    for (const std::string& path : logs_of(newest_log_folder(log_folder), node)) {
      const std::string name = path.substr(path.rfind('/') + 1);
      const auto parts = split(name, '_');
      if (parts.size() > 1) address = parts[1];
    }
  }
  const auto found = co_await resolve_node(io, address, wire::log_port);
  if (!found) throw Error("no log is kept of a node with that name, and no machine on the network is known by it");
  co_return *found;
}

wire::KeyPair key_for_commands(const std::string& file) {
  const std::optional<wire::KeyPair> key = site_key(file);
  if (!key)
    throw Error("command nodes", std::string("it needs the key that they were given, and there is none in ") +
                                     default_key_file + " (--key FILE names another place)");
  return *key;
}

void say_trouble(const std::string& node, const std::string& trouble) {
  write_all(STDERR_FILENO, printable(node) + ": " + printable(trouble) + "\n", "standard error");
}

}  // namespace ka::server
