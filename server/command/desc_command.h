#pragma once
/// `ka-server desc [DRIVE]`: writes the desc file of a disk as it is (fdisk_to_desc).

#include <functional>

namespace CLI {
class App;
}

namespace ka::server {

/// Adds the subcommand; when it is the one given, `chosen` becomes what runs it and returns the exit status.
void add_desc_command(CLI::App& app, std::function<int()>& chosen);

}  // namespace ka::server
