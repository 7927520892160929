#pragma once
/// `ka-server exec`: one command on many nodes at once.

#include <functional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace ka::server {

/// `words`: what stands behind --, the command.
void add_exec_command(CLI::App& app, const std::vector<std::string>& words, std::function<int()>& chosen);

}  // namespace ka::server
