#pragma once
/// Where everything begins and ends on disks of these sizes: one rule, for the server on its own disks and for a node
/// on its.
///
/// A disk that has room for the golden table as it is gets it as it is, sector for sector, also where it is older than
/// alignment; only what is the last on the disk and may fill it grows. So the golden table always fits a disk of the
/// golden size, and what was copied byte for byte lies where it lay.
///
/// Else (a desc, a smaller disk, other sectors) all partitions begin on a MiB and have whole MiB, in the order of the
/// list. The first MiB stays free: the boot record and, behind it, the boot loader. Each logical partition has one MiB
/// in front of it for its extended boot record. A fill takes what the others leave; where they leave too little, those
/// that may shrink give way, each by its share.

#include "wire/storage/rule.h"

namespace ka::storage {

/// `disks`: a ground for each Disk. `anew`: ids of tables that are laid out anew whatever their disk. Throws Error if
/// something does not fit; of a content fits() says that.
Places place(const Storage& storage, const std::map<Id, Ground>& disks, const std::set<Id>& anew = {});

/// What is copied block by block is found by its place: a boot loader's configuration has it, and so has the boot
/// sector of an NTFS. Throws Error if such a content would lie elsewhere on its disk, or on sectors of another size.
void check_kept(const Storage& storage, const Places& places);

/// Of the golden disks themselves.
std::map<Id, Ground> golden_disks(const Storage& storage);

/// Whether a content has room for what it is to hold.
bool fits(const Node& content, const Ground& ground);

/// The least bytes, in whole MiB, that a device must have for what is on it: 0 for nothing. `spare`: and a tenth more.
/// Throws Error if it cannot be made in sectors of this size.
std::uint64_t least(const Node& content, std::uint32_t sector, bool spare = false);

/// The same for a device and all that stands on it, however deep; at least one MiB.
std::uint64_t least_of(const Storage& storage, const Node& device, std::uint32_t sector, bool spare = false);

}  // namespace ka::storage
