#pragma once
/// Mounting a squashfs that is a file in RAM: the drivers of all.rdz, and stage2.

#include <string>

#include "agent/drivers/drivers.h"
#include "agent/machine/machine.h"
#include "base/asio.h"

namespace ka::agent {

/// Mounts `file` read-only on `target`, which is made if it is not there, with the drivers that this takes (loop,
/// squashfs). Throws Error.
Awaitable<void> mount_squashfs(Machine& machine, Drivers& drivers, std::string file, std::string target);

}  // namespace ka::agent
