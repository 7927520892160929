#pragma once
/// `ka-server key`: the key that nodes know this site by.

#include <functional>

namespace CLI {
class App;
}

namespace ka::server {

/// When the subcommand was given, `chosen` becomes what main must run; its result is the exit status.
void add_key_command(CLI::App& app, std::function<int()>& chosen);

}  // namespace ka::server
