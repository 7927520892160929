#pragma once
/// The keys by which an SSH server proves that it is itself.

#include <string>

#include "agent/identity/early_host_key.h"
#include "agent/identity/identity_record.h"
#include "agent/machine/clone_tree.h"
#include "agent/machine/log.h"
#include "agent/machine/machine.h"
#include "base/asio.h"

namespace ka::agent {

/// Replaces every SSH host key of the golden node (/etc/ssh, and where sshd_config's HostKey says) by a new one of the
/// same type, made by the clone's own ssh-keygen (needs /dev and /run in the clone) or `early`, and proves that none is
/// as before. Owner, mode and attributes stay. A key of a type that this ssh-keygen does not make is removed, with a
/// warning; so are all if there is no ssh-keygen. Where `record` says so, all are kept. Throws Error if sshd is left
/// without a key that it uses, or a key did not change.
Awaitable<void> renew_ssh_host_keys(Machine& machine, CloneTree& clone, Log& log, IdentityRecord& record,
                                    EarlyHostKey& early, std::string host_name);

}  // namespace ka::agent
