#pragma once
/// `ka-server desc [DRIVE]`: writes the desc file of a disk (fdisk_to_desc), or of a volume group, as it is.

#include <functional>
#include <string>

#include "server/golden/layers.h"

namespace CLI {
class App;
}

namespace ka::server {

/// Adds the subcommand; when it is the one given, `chosen` becomes what runs it and returns the exit status.
void add_desc_command(CLI::App& app, std::function<int()>& chosen);

/// Of a volume group. Throws Error if there is none of that name, or it is one that cannot be cloned.
std::string group_desc(const Layers& layers, const std::string& name);

}  // namespace ka::server
