#pragma once
/// What the operator is told of clones that were made with fewer disks, when all is over (--degraded).

#include <string>
#include <vector>

#include "server/job/job.h"

namespace ka::server {

/// A line for each clone that lacks a disk, and how its arrays are completed; "" if none does.
std::string degraded_text(const std::vector<NodeStatus>& nodes);

}  // namespace ka::server
