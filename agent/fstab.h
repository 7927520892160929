#pragma once
/// Device names of the golden node in the clone's text files. A clone's disk may have another name (vda for
/// sda), and the kernel gives names in the order it finds disks; UUIDs were kept, so they are what stays right.

#include <string>
#include <string_view>
#include <vector>

#include "wire/manifest.h"

namespace ka::agent {

struct Rewritten {
  std::string text;
  std::vector<std::string> changes;   ///< "/dev/sda1 is now UUID=…", for the log
  std::vector<std::string> warnings;  ///< "/dev/sdb1 (/data) is not cloned", for the log
};

/// /etc/fstab: the first field of lines that name a cloned file system by /dev/sda1, or by its place or serial
/// number (/dev/disk/by-path, by-id), becomes UUID=. Everything else stays byte for byte; lines that this machine
/// may wait for in vain at boot are warned of.
Rewritten rewrite_fstab(std::string_view text, const std::vector<wire::FileSystem>& file_systems);

/// grub.cfg: root=/dev/sda1 and resume=/dev/sda5 on the lines of kernels become UUID=, which an initrd understands.
Rewritten rewrite_grub_cfg(std::string_view text, const std::vector<wire::FileSystem>& file_systems);

}  // namespace ka::agent
