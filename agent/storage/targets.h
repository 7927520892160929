#pragma once
/// Which disk of this machine becomes the copy of which golden disk. Nothing here touches a disk; a doubt is
/// a refusal, since the disk that is taken loses everything on it.

#include <string>
#include <vector>

#include "agent/storage/disks.h"
#include "wire/manifest.h"

namespace ka::agent {

struct Target {
  const storage::Node* golden = nullptr;  ///< in the manifest, which must outlive this
  MachineDisk disk;
};

struct TargetQuestion {
  const wire::Manifest& manifest;
  std::vector<MachineDisk> disks;        ///< all of this machine
  std::vector<std::string> rules;        ///< katarget=: "sda=serial:X" or "sda=vda"; they go before the manifest's
  bool booted_by_network = true;         ///< false: a removable disk may be what this system came from
  std::vector<std::string> doubts = {};  ///< why there may be disks that cannot be seen
};

/// One target per golden disk, in the manifest's order; none for one that is missing. Throws Error with the reason,
/// every disk of the machine with why it may or may not be used, and the remedy.
///
/// - A rule (katarget= or the manifest's) must match exactly one disk. A name is no rule where it may be another disk's
///   at the next start: where several disks of a kind that is named as it is found may be used.
/// - One golden disk without a rule: the machine has exactly one disk that may be used and that no rule took.
/// - Several without rules that one array or volume group stands on: the machine has exactly as many that may be used.
///   They are taken by size, the largest for the largest, and of one size in the order of their names.
/// - Several others without rules: the machine's usable disks have exactly their names and exactly their sizes, and of
///   those that are named as they are found no two have the same size.
/// - Without a rule, only where no disk can be there unseen (`doubts`).
/// - Too few disks for golden ones without rules that have legs of arrays: some of these get none, if the manifest
///   allows that and nothing but legs is lost (wire/degraded.h). The others as above.
/// - Never a read-only disk, one in use, or a removable one unless the manifest allows it; and a removable one on a
///   machine that was not booted by the network only by a rule, since it may be what it was booted from.
std::vector<Target> choose_targets(const TargetQuestion& question);

}  // namespace ka::agent
