#pragma once
/// Which kernel modules this machine's disks need, and which of them a clone's kernels have.

#include <set>
#include <string>
#include <vector>

#include "agent/machine/clone_tree.h"
#include "agent/machine/log.h"

namespace ka::agent {

/// One kernel that is installed in the clone.
struct InstalledKernel {
  std::string version;            ///< directory of /lib/modules
  std::set<std::string> modules;  ///< names with _ for -
  std::set<std::string> built_in;
  std::string initrd;  ///< "/boot/initrd.img-6.1.0-13-amd64"; empty: it has none
};

/// Kernels whose modules.dep is there, in the order of their versions' names.
std::vector<InstalledKernel> installed_kernels(const CloneTree& clone);

/// modprobe configuration for the drivers found on this machine, as the KA method writes it. `modules` are nearest
/// the disk first.
std::string modprobe_conf(const std::vector<std::string>& modules);

/// Writes it to /etc/modprobe.d/ka.conf, and shows it in the log.
void write_modprobe_conf(CloneTree& clone, Log& log, const std::vector<std::string>& modules);

}  // namespace ka::agent
