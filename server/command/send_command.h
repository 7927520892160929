#pragma once
/// `ka-server send`: one session, sent by hand or by a script (docs/ka-server-send.8).

#include <functional>

namespace CLI {
class App;
}
namespace ka::server {

/// Adds the subcommand. When it was given, `chosen` becomes what main must run; its result is the exit status:
/// 0 only when all nodes that were asked for have the whole stream.
void add_send_command(CLI::App& app, std::function<int()>& chosen);

}  // namespace ka::server
