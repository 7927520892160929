#pragma once
/// What is in an initrd, whoever built it and however it is packed.

#include <set>
#include <string>

#include "agent/machine/machine.h"

namespace ka::agent {

/// In front of a program among the modules of an initrd: "program cryptsetup", which systemd's counts as, too.
inline constexpr std::string_view program_mark = "program ";

/// The kernel modules in an initrd, and of its programs cryptsetup (agent/bootable/disk_drivers.h, module_of): of the
/// archives that it begins with, and of the packed one behind them, which stage2's programs unpack. `path` is this
/// machine's, and the same in stage2. Throws Error if it is cut off, or packed in a way that stage2 does not know.
Awaitable<std::set<std::string>> modules_of_initrd(Machine& machine, std::string stage2_root, std::string path);

}  // namespace ka::agent
