#pragma once
/// Files that make a machine the one it is, beside its names: seeds, leases, keys, registrations.

#include "agent/identity/identity_record.h"
#include "agent/machine/clone_tree.h"
#include "agent/machine/log.h"

namespace ka::agent {

/// Removes what its owner makes anew, renews what nobody does, and leaves the rest; `record` says which, and is told.
/// Each file that changes is named in the log.
void renew_bound_files(CloneTree& clone, Log& log, IdentityRecord& record);

/// machine-id, on a disk where systemd, dbus and the boot loader's entries know the golden one.
void renew_machine_id(CloneTree& clone, Log& log, IdentityRecord& record);

}  // namespace ka::agent
