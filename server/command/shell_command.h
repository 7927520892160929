#pragma once
/// `ka-server shell`: a shell on a node, on this terminal.

#include <functional>

namespace CLI {
class App;
}

namespace ka::server {

void add_shell_command(CLI::App& app, std::function<int()>& chosen);

}  // namespace ka::server
