#pragma once
/// `ka-server save`: what a clone of this machine would be sent, kept in a folder (docs/ka-server-save.8).

#include <functional>

namespace CLI {
class App;
}
namespace ka::server {

/// Adds the subcommand; when it is given, `chosen` becomes what runs it and returns the exit status.
void add_save_command(CLI::App& app, std::function<int()>& chosen);

}  // namespace ka::server
