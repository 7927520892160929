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

/// The partitions that make the same disk anew, in the order of the disk, each with its place on it: what reaches to
/// the end of the disk becomes `fill`, but swap keeps its size. `name` is the drive's, `disk_size` is in bytes. Throws
/// Error for a table other than DOS, an empty one, and one that contradicts itself (wire::check_places).
std::vector<wire::Partition> partitions_of(const std::string& name, const PartitionTable& table,
                                           std::uint64_t disk_size);

/// The same for a desc, which knows no places: in the order of their numbers, sizes rounded to MiB so that they fit a
/// disk of this size.
std::vector<wire::Partition> desc_of(const std::string& name, const PartitionTable& table, std::uint64_t disk_size);

}  // namespace ka::server
