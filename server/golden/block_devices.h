#pragma once
/// The disks and partitions of this machine, as sysfs has them.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "wire/storage/labels.h"

namespace ka::server {

struct BlockDevice {
  std::string name;  ///< "sda5"
  unsigned major = 0, minor = 0;
  std::uint64_t size = 0;          ///< bytes
  std::uint32_t sector = 512;      ///< of a disk: bytes, logical
  std::string disk;                ///< of a partition: "sda"; else empty
  int partition = 0;               ///< number on `disk`; 0: not a partition
  bool removable = false;          ///< of a disk
  std::vector<std::string> below;  ///< what a RAID or device-mapper device is made of
  std::string mapped;              ///< of the device mapper: its name below /dev/mapper
  std::string layer;               ///< which array, volume or mapping it is (server/golden/layers.h): "vg0/root"

  /// What it is called in the graph.
  const std::string& id() const { return layer.empty() ? name : layer; }

  /// Neither a partition nor made of others, and a thing that a machine keeps: not a loop or RAM disk, a CD, a floppy.
  bool is_drive() const;
};

/// Sorted by name. `sysfs` is another folder in tests.
std::vector<BlockDevice> read_block_devices(const std::string& sysfs = "/sys");

/// nullptr if there is none. The kernel's name, with "/dev/" in front or not, "mapper/NAME", or its id.
const BlockDevice* find_device(const std::vector<BlockDevice>& devices, std::string_view name);
const BlockDevice* find_device(const std::vector<BlockDevice>& devices, unsigned major, unsigned minor);

using storage::partition_name;

/// A drive or partition as people write it: "sda", "/dev/sda".
std::string_view plain_name(std::string_view name);

}  // namespace ka::server
