#pragma once
/// What the clones have still of the golden machine's identity, for the operator.

#include <string>
#include <vector>

#include "server/job/job.h"

namespace ka::server {

/// A line for each item that a cloned node reported, with what to do and on how many of them, and one for the files
/// that were found; however much the nodes say, not more than some twenty lines. Empty: nothing of it.
std::string identity_text(const std::vector<NodeStatus>& nodes);

}  // namespace ka::server
