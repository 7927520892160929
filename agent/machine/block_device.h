#pragma once
/// Block devices that are about to be written: opened so that nobody else has them, and asked what they are.

#include <cstdint>
#include <string>

#include "base/unique_fd.h"

namespace ka::agent {

/// What an open device says of itself: of the device behind the descriptor, whatever its name leads to by now.
struct DeviceFacts {
  unsigned major = 0, minor = 0;
  std::uint64_t size = 0;         ///< bytes
  std::uint32_t sector_size = 0;  ///< logical, bytes
  bool read_only = false;

  std::string number() const { return std::to_string(major) + ":" + std::to_string(minor); }  ///< "254:0", as sysfs
};

/// Opens a block device for reading and writing, for this process alone (O_EXCL): fails if it or a part of it is
/// mounted, swap, or held by RAID or LVM, and as long as the descriptor is open nobody else can mount or format it or a
/// partition of it. Nothing is ever created or cut. Throws Error also when `path` is no block device or is read-only.
UniqueFd open_device_alone(const std::string& path);

/// The same device once more, not alone: keeps it and its name, and lets others have it.
UniqueFd open_device_again(const UniqueFd& device, const std::string& path);

/// Throws Error if it is no block device.
DeviceFacts facts_of(const UniqueFd& device, const std::string& path);

}  // namespace ka::agent
