#pragma once
/// What must not be the same on two machines, and is on a fresh copy.

#include <string>

#include "agent/machine/clone_tree.h"
#include "agent/machine/log.h"

namespace ka::agent {

/// Host name, machine-id, and all that binds the system to the golden node (bound_files.h). Each step is logged. An
/// empty `host_name` keeps the golden one, with a warning.
void renew_identity(CloneTree& clone, Log& log, const std::string& golden_host, const std::string& host_name);

}  // namespace ka::agent
