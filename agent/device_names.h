#pragma once
/// Device names of the golden node in the clone's text files. A clone's disk may have another name (vda for sda) and
/// has another serial number, and the kernel gives names in the order it finds disks; UUIDs and the partition table's
/// identifier were kept, so they are what stays right.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/clone_tree.h"
#include "agent/log.h"
#include "agent/rewritten.h"
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

class DeviceNames {
 public:
  explicit DeviceNames(const wire::Manifest& manifest) : manifest_(manifest) {}

  /// The partition that the golden node called "/dev/sda1", "/dev/disk/by-id/…-part1", "/dev/disk/by-path/…-part1";
  /// nullopt if it is none that is cloned, or has no name that stays right.
  std::optional<StableName> find(std::string_view device) const;
  /// The one cloned file system that is mounted there, or the one swap space.
  std::optional<StableName> used_as(std::string_view mount_point, std::string_view type) const;
  /// Whether "UUID=…", "LABEL=…" is one of a cloned file system; true also for tags that are not looked for.
  bool is_cloned(std::string_view tag) const;

 private:
  std::optional<StableName> name_of(const wire::Disk& disk, int number) const;
  const wire::Manifest& manifest_;
};

/// /etc/fstab: the first field of lines that name a cloned file system by /dev/sda1, or by its place or serial
/// number (/dev/disk/by-path, by-id), becomes UUID=. Everything else stays byte for byte; lines that this machine
/// may wait for in vain at boot are warned of.
Rewritten rewrite_fstab(std::string_view text, const DeviceNames& names);

/// What reads a file, and so which names it understands.
enum class DeviceReader {
  boot_loader,  ///< kernel command lines: root=UUID=; root=PARTUUID= where no initrd is loaded
  program,      ///< one that runs beside udev: /dev/disk/by-uuid/…; RESUME=UUID=, ROOT=UUID=
};

/// Every name of a partition in lines that are no comment. Names of hardware that cannot be replaced are warned of.
Rewritten rewrite_device_names(std::string_view text, const DeviceNames& names, DeviceReader reader);

/// The files that hold kernel command lines, as they are in the clone: GRUB's, boot loader entries, extlinux's, ….
std::vector<std::string> command_line_files(const CloneTree& clone);

/// Corrects fstab and every other file that is known to hold device names. True if one was changed that initrds have
/// a copy of. Where the clone's initrd is not of a kind that knows UUID=, command lines are kept, with warnings.
bool correct_device_names(CloneTree& clone, Log& log, const wire::Manifest& manifest);

}  // namespace ka::agent
