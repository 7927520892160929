#pragma once
/// The partition table of a disk, as what makes it anew and as a desc would say it; and which ones cannot be cloned.

#include <string>
#include <string_view>
#include <vector>

#include "wire/storage/sfdisk.h"

namespace ka::server {

/// The partitions that make the same disk anew, in the order of the disk, each with its place on it: what reaches to
/// the end of the disk fills it, but swap keeps its size. `name` is the drive's. Throws Error for a table that is empty
/// or contradicts itself (storage::check_places).
std::vector<storage::Partition> partitions_of(const std::string& name, const storage::ReadTable& table,
                                              const storage::Disk& disk);

/// The same for a desc, which knows no places: in the order of their numbers, sizes in whole MiB so that they fit a
/// disk of this size.
std::vector<storage::Partition> desc_of(const std::string& name, const storage::ReadTable& table,
                                        const storage::Disk& disk);

/// Why a disk's table cannot be cloned, by its name: "" if it can. `boot_record`: the first sector of the disk.
std::string strange_table(const storage::ReadTable& table, std::string_view boot_record);

}  // namespace ka::server
