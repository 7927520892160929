#pragma once
/// `ka-server diff IMAGE`: what has changed on the golden machine since an image of it was saved.

#include <functional>

namespace CLI {
class App;
}

namespace ka::server {

/// Adds the subcommand; when it is parsed, `chosen` is what to run.
void add_diff_command(CLI::App& app, std::function<int()>& chosen);

}  // namespace ka::server
