#pragma once
/// `ka-server status [URL]`: the table of a job that runs, once, from its --web.

#include <functional>

namespace CLI {
class App;
}

namespace ka::server {

void add_status_command(CLI::App& app, std::function<int()>& chosen);

}  // namespace ka::server
