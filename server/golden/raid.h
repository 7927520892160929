#pragma once
/// Software RAID of this machine, md(4): what sysfs and mdadm say of an array, as a node of the graph or as why none.

#include <map>
#include <string>
#include <vector>

#include "server/golden/block_devices.h"
#include "wire/storage/storage.h"

namespace ka::server {

/// Files of /sys/block/mdX/md by their paths below it, without the line end: "level" is "raid1", "dev-sda1/slot" "0".
using ArraySysfs = std::map<std::string, std::string>;

struct ReadArray {
  storage::Node node;   ///< stands on the kernel's names of its legs, then of its spares
  std::string strange;  ///< why it cannot be cloned, with the remedy; then the node may be incomplete
  std::vector<std::string> not_kept;
};

ArraySysfs read_array_sysfs(const std::string& array, const std::string& sysfs = "/sys");

/// `detail`: of `mdadm --detail --export`. Throws Error if what they say is not understood.
ReadArray understand_array(const BlockDevice& array, const ArraySysfs& sysfs, const std::string& detail);

/// mdadm's word for the number that the kernel has for how a level lays out its data: "left-symmetric", "n2". Empty:
/// the level has none, or it is none that mdadm makes.
std::string layout_word(const std::string& level, unsigned layout);

}  // namespace ka::server
