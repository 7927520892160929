#pragma once
/// The key by which systemd reads encrypted credentials of this machine.

#include "agent/identity/identity_record.h"
#include "agent/machine/clone_tree.h"
#include "agent/machine/log.h"

namespace ka::agent {

/// Removes it: systemd makes a new one when it encrypts the next credential. If something in the clone may be encrypted
/// with it, that would be lost, so it is left and reported, unless --renew names it.
void renew_credential_secret(CloneTree& clone, Log& log, IdentityRecord& record);

}  // namespace ka::agent
