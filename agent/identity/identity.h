#pragma once
/// What must not be the same on two machines, and is on a fresh copy.

#include <string>

#include "agent/identity/identity_record.h"
#include "agent/machine/clone_tree.h"
#include "agent/machine/log.h"

namespace ka::agent {

/// All of the identity that is files of the clone, but its network and its SSH host keys: host name, machine-id, and
/// what binds the system to the golden node (bound_files.h). `record` says what is left alone, and is told what was
/// done. An empty `host_name` keeps the golden one, with a warning. True if initrds hold copies of what was changed.
bool renew_identity(CloneTree& clone, Log& log, IdentityRecord& record, const std::string& golden_host,
                    const std::string& host_name);

}  // namespace ka::agent
