#pragma once
/// An initrd that finds this machine's disk.

#include <set>
#include <string>
#include <vector>

#include "agent/bootable/disk_drivers.h"
#include "agent/bootable/initrd_content.h"
#include "agent/machine/clone_tree.h"
#include "agent/machine/log.h"
#include "agent/machine/machine.h"

namespace ka::agent {

/// Which of `modules` that a kernel has as modules its initrd must have, and programs (boot::program_mark), which it
/// must have whatever the kernel has.
struct InitrdNeed {
  std::vector<std::string> modules;  ///< of this machine's disks, and those that were asked for; nearest the disk first
  bool old = false;                  ///< initrds hold copies of files that were changed since
  std::vector<std::string> used;     ///< initrds of the entry that starts by itself: "/boot/initrd.img-6.1"
};

/// Looks into the initrd of each installed kernel. If each holds every module that is needed and its kernel has, and
/// none is old, it is kept; else the modules go into the configuration of the clone's tool (initrd_tools.h), all
/// initrds are rebuilt and looked into again. A clone without a tool that is known keeps its initrds, with a warning.
/// Needs /proc, /sys and /dev in the clone. Throws Error if a tool fails or a module is still missing.
Awaitable<void> fit_initrds(Machine& machine, CloneTree& clone, const InitrdContents& contents, Log& log,
                            InitrdNeed need);

/// That one kernel, started with these initrds, has the drivers of this machine's disks: in them or built in. What no
/// kernel module is called is left out. Paths are the clone's. Throws Error naming what is missing.
Awaitable<void> prove_initrds(const CloneTree& clone, const InitrdContents& contents, Log& log, std::string kernel,
                              std::vector<std::string> initrds, std::vector<std::string> modules);

}  // namespace ka::agent
