#pragma once
/// The disks that this machine has, as the kernel shows them in sysfs.

#include <cstdint>
#include <string>
#include <vector>

#include "wire/device_name.h"

namespace ka::agent {

struct MachineDisk {
  std::string name;                 ///< "sda", "nvme0n1"
  std::uint64_t size = 0;           ///< bytes
  std::uint32_t sector_size = 512;  ///< logical, bytes
  bool removable = false;           ///< the medium can be taken out, or the disk hangs on USB
  bool read_only = false;
  std::string model, serial;  ///< empty where the disk tells none
  std::string wwn;            ///< "naa.5000c500a1b2c3d4", "eui.…"; empty where it has none
  std::string path;           ///< place in the machine as /dev/disk/by-path names it: "pci-0000:00:1f.2-ata-1"
  std::string used_by;        ///< "md0", "mounted on /x": why nobody may write to it now; empty: free

  std::string text() const;  ///< "sda (80.0 GiB, QEMU HARDDISK, serial QM00001, pci-0000:00:1f.2-ata-1)"
};

/// Whole disks only: no loop, RAM, device-mapper or md devices, optical or floppy drives, boot partitions of
/// eMMC, or drives without a medium. In the order of their names. `mounts` is the text of /proc/mounts.
std::vector<MachineDisk> read_disks(const std::string& sysfs, const std::string& mounts);

/// The modules of all drivers between the disk and the root of the device tree, nearest first: "sd_mod",
/// "ahci". What is built into the running kernel has no module and is not listed.
std::vector<std::string> driver_modules(const std::string& sysfs, const std::string& disk);

using wire::partition_name;

}  // namespace ka::agent
