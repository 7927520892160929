#pragma once
/// --degraded: the golden machine's storage on a machine that has fewer disks. What is made there is the same without
/// some of the golden disks, whose legs the arrays do without. A disk that bears anything else cannot be missing:
/// nothing but legs is ever left out.

#include <set>
#include <string>
#include <vector>

#include "wire/manifest.h"

namespace ka::wire {

/// Why these disks cannot be missing: "sda2 (ext4) is on it"; "": they can, all of them at once.
std::string why_not_missing(const Manifest& manifest, const std::set<storage::Id>& disks);

struct MissingDisks {
  std::set<storage::Id> disks;
  std::vector<std::string> why_not;  ///< if they are too few: of each of the others, "sda: sda2 (ext4) is on it"
};

/// So many of these disks, or fewer if no more can be missing: the last ones first, since it is the first legs that are
/// there.
MissingDisks choose_missing(const Manifest& manifest, const std::vector<storage::Id>& disks, std::size_t count);

/// Takes such disks out of a manifest, with all that stands on them alone. Nothing else of it changes but where its
/// boot loader goes. Throws Error if they cannot be missing.
void leave_out(Manifest& manifest, const std::set<storage::Id>& missing);

/// The arrays that have legs on a disk, however deep, in the order of the list.
std::vector<storage::Id> arrays_on(const storage::Storage& storage, const storage::Id& disk);

/// "md0 is made with 1 of its 2 legs; mdadm /dev/md0 --add DEVICE completes it": of each array that has empty slots.
std::vector<std::string> degraded_text(const storage::Storage& storage);

}  // namespace ka::wire
