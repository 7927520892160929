#pragma once
/// `ka-server boot HOST`: the boot side of a job that runs on another machine (docs/ka-server-boot.8).

#include <functional>

namespace CLI {
class App;
}

namespace ka::server {

inline constexpr const char* default_boot_conf = "/etc/ka/boot.conf";

/// When the subcommand was given, `chosen` becomes what main must run; its result is the exit status.
void add_boot_command(CLI::App& app, std::function<int()>& chosen);

}  // namespace ka::server
