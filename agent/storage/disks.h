#pragma once
/// The disks that this machine has, as the kernel shows them in sysfs.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "wire/storage/labels.h"

namespace ka::agent {

struct MachineDisk {
  std::string name;                 ///< "sda", "nvme0n1"
  std::uint64_t size = 0;           ///< bytes
  std::uint32_t sector_size = 512;  ///< logical, bytes
  bool removable = false;           ///< the medium or the disk is made to be taken out: USB, SD cards, Thunderbolt
  bool read_only = false;
  bool name_may_change = false;  ///< its kind is found side by side, so "sda" may be another disk at the next start
  std::string model, serial;     ///< empty where the disk tells none
  std::string wwn;               ///< "naa.5000c500a1b2c3d4", "eui.…"; empty where it has none
  std::string path;              ///< place in the machine as /dev/disk/by-path names it: "pci-0000:00:1f.2-ata-1"
  std::string number;            ///< "8:0"
  std::string used_by;           ///< "used by md0", "mounted on /x": why nobody may write to it now; empty: free
  std::vector<MachineDisk> other_paths = {};  ///< the same disk, as the kernel sees it over other ways to it

  std::string text() const;  ///< "sda (80.0 GiB, QEMU HARDDISK, serial QM00001, pci-0000:00:1f.2-ata-1)"
};

/// Whole disks only: no loop, RAM, network, device-mapper or md devices, optical or floppy drives, hardware partitions
/// of eMMC, or drives without a medium. In the order of their names. What is mounted or swap is asked of `procfs`.
/// What has the same WWN, serial number, model and size is one disk, under its first name, and in use if it is in use
/// over any way. Vendors repeat WWNs and serial numbers, so one of them alone makes no two disks one.
std::vector<MachineDisk> read_disks(const std::string& sysfs, const std::string& procfs);

/// The names of a disk's partitions, as the kernel sees them: "sda1".
std::vector<std::string> partitions_of(const std::string& sysfs, const std::string& disk);

/// The one of them with this number ("8:0"), over whichever way, as it is now; nullopt: none has it.
std::optional<MachineDisk> disk_by_number(const std::string& sysfs, const std::string& procfs,
                                          const std::string& number);

/// The modules of all drivers between the disk and the root of the device tree, nearest first: "sd_mod",
/// "ahci". What is built into the running kernel has no module and is not listed.
std::vector<std::string> driver_modules(const std::string& sysfs, const std::string& disk);

using storage::partition_name;

}  // namespace ka::agent
