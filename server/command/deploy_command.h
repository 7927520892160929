#pragma once
/// `ka-server deploy`: clones from what `ka-server save` has kept (docs/ka-server-deploy.8).

#include <functional>

namespace CLI {
class App;
}
namespace ka::server {

/// Adds the subcommand; when it is given, `chosen` becomes what runs it and returns the exit status.
void add_deploy_command(CLI::App& app, std::function<int()>& chosen);

}  // namespace ka::server
