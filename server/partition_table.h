#pragma once
/// The partition table of a disk as it is (sfdisk --json), and as a desc would say it.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "wire/manifest.h"

namespace ka::server {

struct PartitionTable {
  struct Entry {
    int number = 0;
    std::uint64_t start = 0, size = 0;  ///< bytes
    std::uint8_t type = 0;              ///< of a DOS table
    bool bootable = false;
  };

  std::string label;             ///< "dos", "gpt"
  std::uint32_t identifier = 0;  ///< of a DOS table
  std::vector<Entry> entries;    ///< by number; of a label other than "dos" none

  const Entry* find(int number) const;
};

/// Throws Error if `json` is not what sfdisk prints for a disk.
PartitionTable parse_sfdisk(std::string_view json);

/// The partitions that make the same disk anew, also one some MiB smaller than its rounding: sizes are rounded up to
/// MiB, what reaches to the end of the disk becomes `fill`, but swap keeps its size. `disk_size` is in bytes.
/// Throws Error for a table other than DOS.
std::vector<wire::Partition> partitions_of(const PartitionTable& table, std::uint64_t disk_size);

}  // namespace ka::server
