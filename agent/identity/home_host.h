#pragma once
/// The home host of RAID arrays, as mdadm's configuration has it.

#include "agent/identity/host_name.h"
#include "agent/identity/identity_record.h"
#include "agent/machine/clone_tree.h"
#include "agent/machine/log.h"

namespace ka::agent {

/// HOMEHOST lines of mdadm.conf that name the golden node name the clone: mdadm takes arrays of another home host for
/// strangers and calls them md127. True if one was changed; initrds hold a copy.
bool rename_home_host(CloneTree& clone, Log& log, IdentityRecord& record, const HostNames& names);

}  // namespace ka::agent
