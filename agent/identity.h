#pragma once
/// What must not be the same on two machines, and is on a fresh copy.

#include <string>
#include <string_view>

#include "agent/clone_tree.h"
#include "agent/log.h"
#include "agent/machine.h"

namespace ka::agent {

/// /etc/hosts of a clone: on lines of this machine itself (127.…, ::1) the golden node's name and its
/// qualified forms become the new one; lines with other addresses still speak of the golden node and stay. If
/// no line names the clone then, "127.0.1.1 NAME" is added.
std::string rewrite_hosts(std::string_view text, const std::string& golden, const std::string& name);

/// Host name, machine-id, random seed, DHCP leases, persistent-net rules. Each step is logged. An empty
/// `host_name` keeps the golden one, with a warning.
void renew_identity(CloneTree& clone, Log& log, const std::string& golden_host, const std::string& host_name);

/// Replaces every SSH host key of the golden node by a new one of the same type, made by the clone's own
/// ssh-keygen (needs /dev in the clone), and proves that none is as before. Without ssh-keygen the old keys are
/// removed, with a warning. Throws Error if a key could not be made or did not change.
Awaitable<void> renew_ssh_host_keys(Machine& machine, CloneTree& clone, Log& log, const std::string& host_name);

}  // namespace ka::agent
