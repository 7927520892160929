#pragma once
/// What differs between two manifests of the same machine: how clones would be made, and what of its files no archive
/// has.

#include <string>
#include <vector>

#include "server/shelf/tree_difference.h"
#include "wire/manifest.h"

namespace ka::server {

/// One value of the plan; JSON, empty where it is not there.
struct PlanDifference {
  std::string what;  ///< "storage/sda1/size/bytes"
  std::string then, now;
};

/// Disks, tables, file systems, mounts, how the machine boots, hooks, choices. Not how full file systems are, nor what
/// belongs to this run, to this KA, or to files.
std::vector<PlanDifference> plan_differences(const wire::Manifest& then, const wire::Manifest& now);

/// Adds sockets, directories whose content is left out, and flags and project ids ("flags") of what is on both sides.
void add_manifest_differences(const wire::Manifest& then, const wire::Manifest& now, Differences& differences);

}  // namespace ka::server
