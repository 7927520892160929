#pragma once
/// `ka-server send`: one session by hand, as ka-d-server was used.

#include <functional>

namespace CLI {
class App;
}

namespace ka::server {

/// Adds the subcommand; when it is the one given, `chosen` becomes what runs it and returns the exit status.
void add_send_command(CLI::App& app, std::function<int()>& chosen);

}  // namespace ka::server
