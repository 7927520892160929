#pragma once
/// `ka-server status [HOST|URL]`: the table of a job that runs, once.

#include <functional>

namespace CLI {
class App;
}

namespace ka::server {

void add_status_command(CLI::App& app, std::function<int()>& chosen);

}  // namespace ka::server
