#pragma once
/// Which disk of this machine becomes the copy of which golden disk. Nothing here touches a disk; a doubt is
/// a refusal, since the disk that is taken loses everything on it.

#include <string>
#include <vector>

#include "agent/disks.h"
#include "wire/manifest.h"

namespace ka::agent {

struct Target {
  const wire::Disk* golden = nullptr;  ///< in the manifest, which must outlive this
  MachineDisk disk;
};

struct TargetQuestion {
  const wire::Manifest& manifest;
  std::vector<MachineDisk> disks;  ///< all of this machine
  std::vector<std::string> rules;  ///< katarget=: "sda=name:vda" or "sda=vda"; they go before the manifest's
  std::string boot_device;         ///< the disk this machine booted from; empty: none
};

/// One target per golden disk, in the manifest's order. Throws Error with the reason, every disk of the
/// machine with why it may or may not be used, and the remedy.
///
/// - A rule (katarget= or the manifest's) must match exactly one disk.
/// - One golden disk without a rule: the machine has exactly one disk that may be used and that no rule took.
/// - Several without rules: the machine's usable disks have exactly their names and exactly their sizes.
/// - Never the boot medium, a read-only disk, one in use, or a removable one unless the manifest allows it.
std::vector<Target> choose_targets(const TargetQuestion& question);

}  // namespace ka::agent
