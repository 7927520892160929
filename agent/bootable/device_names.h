#pragma once
/// Device names of the golden node in the clone's text files. A clone's disk may have another name (vda for sda) and
/// has another serial number, and the kernel gives names in the order it finds disks; UUIDs and the partition table's
/// identifier were kept, so they are what stays right.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/machine/clone_tree.h"
#include "agent/machine/log.h"
#include "agent/machine/rewritten.h"
#include "wire/manifest.h"

namespace ka::agent {

/// Names that stay right for one cloned partition.
struct StableName {
  std::string uuid;       ///< of its file system or swap space; empty: it has none
  std::string part_uuid;  ///< "59be1427-05"; empty: the table has no identifier

  std::string tag() const;          ///< "UUID=…", else "PARTUUID=…": for fstab, crypttab and an initrd
  std::string path() const;         ///< "/dev/disk/by-uuid/…": wherever a path is read and udev runs
  std::string kernels_tag() const;  ///< "PARTUUID=…", which the kernel knows without an initrd
};

/// The name that stays right of what the golden node called `device` ("/dev/sda1", "/dev/disk/by-id/…-part1"); nullopt
/// if it is no cloned partition, or has no such name.
std::optional<StableName> stable_name(const wire::Manifest& manifest, std::string_view device);

/// /etc/fstab: the first field of lines that name a cloned file system by /dev/sda1, or by its place or serial
/// number (/dev/disk/by-path, by-id), becomes UUID=. Everything else stays byte for byte; lines that this machine
/// may wait for in vain at boot are warned of.
Rewritten rewrite_fstab(std::string_view text, const wire::Manifest& manifest);

/// What reads a file, and so which names it understands.
enum class DeviceReader {
  boot_loader,  ///< kernel command lines: root=UUID=; root=PARTUUID= where no initrd is loaded
  program,      ///< one that runs beside udev: /dev/disk/by-uuid/…; RESUME=UUID=, ROOT=UUID=
};

/// Every kernel's name of a partition, and every name made of a serial number or place, in lines that are no comment.
/// What cannot be replaced, and a root= or resume= that the clone would wait for, is warned of.
Rewritten rewrite_device_names(std::string_view text, const wire::Manifest& manifest, DeviceReader reader);

/// The files that hold kernel command lines, as they are in the clone: GRUB's, boot loader entries, extlinux's, ….
std::vector<std::string> command_line_files(const CloneTree& clone);

/// Corrects fstab and every other file that is known to hold device names. True if one was changed that initrds have
/// a copy of. Where the clone's initrd is not of a kind that knows UUID=, command lines are kept, with warnings.
bool correct_device_names(CloneTree& clone, Log& log, const wire::Manifest& manifest);

}  // namespace ka::agent
