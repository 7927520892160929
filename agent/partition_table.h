#pragma once
/// From a desc to a partition table: where each partition begins and ends on a disk of this size.
///
/// All sizes are MiB and all partitions begin on a MiB, as every partitioning tool of the last decade aligns
/// them. The first MiB stays free: the boot record and, behind it, the boot loader. Each logical partition has
/// one MiB in front of it for its extended boot record.

#include <cstdint>
#include <string>
#include <vector>

#include "wire/manifest.h"

namespace ka::agent {

struct PlacedPartition {
  wire::Partition partition;
  std::uint64_t start_mib = 0;
  std::uint64_t size_mib = 0;
};

/// Partitions follow each other in the manifest's order; a fill takes what the others of its level leave. An
/// extended partition of fixed size is made larger where its logical ones need it. Throws Error when they do
/// not fit on `disk_size` bytes. Of a disk beyond 2 TiB only the part that an MBR can name is used.
std::vector<PlacedPartition> place_partitions(const wire::Disk& golden, std::uint64_t disk_size,
                                              std::uint32_t sector_size);

/// Input for sfdisk(8): label, identifier, and each partition by number.
std::string sfdisk_script(const wire::Disk& golden, const std::vector<PlacedPartition>& partitions);

using wire::boot_code_size;

/// Boot code for a disk that is not a whole clone yet: says so on the screen and gives the machine back to its
/// BIOS (INT 18h), which goes on with the next boot device: PXE.
const std::string& unfinished_boot_code();

}  // namespace ka::agent
