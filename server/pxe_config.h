#pragma once
/// `ka-server pxe-config`: configuration for PXE, DHCP and TFTP servers.

#include <functional>

namespace CLI {
class App;
}

namespace ka::server {

/// Adds the subcommand; when it is the one given, `chosen` becomes what runs it and returns the exit status.
void add_pxe_config_command(CLI::App& app, std::function<int()>& chosen);

}  // namespace ka::server
