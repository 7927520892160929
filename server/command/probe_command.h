#pragma once
/// `ka-server probe`: what machines that boot from this network would be told (docs/ka-server-probe.8).

#include <functional>

namespace CLI {
class App;
}
namespace ka::server {

/// Adds the subcommand. When it was given, `chosen` becomes what main must run; its result is the exit status: 0 when a
/// machine would become a node, 1 when it would not, or something is wrong, 2 when the network could not be asked.
void add_probe_command(CLI::App& app, std::function<int()>& chosen);

}  // namespace ka::server
