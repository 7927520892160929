#pragma once
/// An initrd that finds this machine's disk.

#include <string>
#include <string_view>
#include <vector>

#include "agent/bootable/disk_drivers.h"
#include "agent/machine/clone_tree.h"
#include "agent/machine/log.h"
#include "agent/machine/machine.h"

namespace ka::agent {

/// Looks with the clone's own tool (initramfs-tools or dracut) into the initrd of each installed kernel. If each
/// holds every module of `modules` that its kernel has, and none is `old` (holds copies of files that were changed
/// since), it is kept; else the modules are added to the tool's configuration, all initrds are rebuilt, and looked into
/// again. A clone with neither tool keeps its initrd, with a warning. Needs /proc, /sys and /dev in the clone. Throws
/// Error if a tool fails or a module is still missing.
Awaitable<void> fit_initrds(Machine& machine, CloneTree& clone, Log& log, std::vector<std::string> modules, bool old);

/// /etc/initramfs-tools/modules with our block in place of an earlier one of ours.
std::string with_initramfs_modules(std::string_view text, const std::vector<std::string>& modules);

}  // namespace ka::agent
