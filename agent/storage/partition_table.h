#pragma once
/// Where each partition begins and ends on a disk of this size.
///
/// A disk that has room for the golden table as it is gets it as it is, sector for sector, also where it is older than
/// alignment; only what is the last on the disk and may fill it grows. So the golden table always fits a disk of the
/// golden size, and what was copied byte for byte lies where it lay.
///
/// Else (a desc, a smaller disk, other sectors) all partitions begin on a MiB and have whole MiB, as every partitioning
/// tool of the last decade aligns them. The first MiB stays free: the boot record and, behind it, the boot loader. Each
/// logical partition has one MiB in front of it for its extended boot record.

#include <cstdint>
#include <string>
#include <vector>

#include "wire/manifest.h"

namespace ka::agent {

struct PlacedPartition {
  wire::Partition partition;
  std::uint64_t start = 0, size = 0;  ///< bytes
};

/// Partitions follow each other in the manifest's order; a fill takes what the others of its level leave. An
/// extended partition of fixed size is made larger where its logical ones need it. Throws Error when they do
/// not fit on `disk_size` bytes. Of a disk beyond 2 TiB only the part that an MBR can name is used.
std::vector<PlacedPartition> place_partitions(const wire::Disk& golden, std::uint64_t disk_size,
                                              std::uint32_t sector_size);

/// As place_partitions, for a disk of any room: never the golden table as it is.
std::vector<PlacedPartition> place_anew(const wire::Disk& golden, std::uint64_t disk_size, std::uint32_t sector_size);

/// Input for sfdisk(8): label, identifier, and each partition by number.
std::string sfdisk_script(const wire::Disk& golden, std::vector<PlacedPartition> partitions, std::uint32_t sector_size);

using wire::boot_code_size;

/// Boot code for a disk that is not a whole clone yet: says so on the screen and gives the machine back to its
/// BIOS (INT 18h), which goes on with the next boot device: PXE.
const std::string& unfinished_boot_code();

}  // namespace ka::agent
