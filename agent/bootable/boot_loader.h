#pragma once
/// Makes the clone's disk bootable: GRUB for BIOS machines.

#include <string>
#include <string_view>

#include "agent/machine/clone_tree.h"
#include "agent/machine/log.h"
#include "agent/machine/machine.h"

namespace ka::agent {

/// Where grub-install comes from, and where it puts its files.
struct GrubPlace {
  GrubPlace(const CloneTree& clone, const CloneTree& stage2, std::string disk)
      : clone(clone), stage2(stage2), disk(std::move(disk)) {}

  const CloneTree& clone;   ///< mounted whole, with /proc, /sys, /dev
  const CloneTree& stage2;  ///< sees the clone under clone.root()
  std::string disk;         ///< of this machine: "sda"
};

/// Runs the clone's own grub-install, or stage2's if the clone has none for BIOS machines, and returns the boot code
/// that it wrote. The disk itself has the unfinished one again when this returns: the caller writes the real one
/// after everything else. Throws Error; also if GRUB has no configuration in the clone or wrote no boot code.
Awaitable<std::string> install_grub(Machine& machine, Log& log, GrubPlace place);

/// What in the clone names the golden node's disks to grub-install: device.map is removed, debconf's and SUSE's lists
/// of disks to install to are corrected. Names on kernel command lines are device_names.h's.
void correct_grub_names(CloneTree& clone, Log& log, const std::string& disk);

/// /etc/default/grub_installdevice with another disk; partitions and other lines stay.
std::string with_install_device(std::string_view text, std::string_view device);

/// debconf's database with another value for `question`; unchanged if it has no such question with a value.
std::string with_debconf_value(std::string_view database, std::string_view question, std::string_view value);

}  // namespace ka::agent
