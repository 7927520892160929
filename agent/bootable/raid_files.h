#pragma once
/// What the clone's own mdadm goes by: the lines of mdadm.conf that name arrays.

#include <string>
#include <string_view>
#include <vector>

#include "agent/machine/clone_tree.h"
#include "agent/machine/log.h"
#include "agent/machine/rewritten.h"
#include "agent/storage/kinds.h"

namespace ka::agent {

/// The arrays that were made, in mdadm.conf: each is found by its UUID, not by golden disks or the golden home host.
/// Lines of other arrays and all comments stay byte for byte. `complete`: arrays without a line get one.
Rewritten rewrite_mdadm_conf(std::string_view text, const std::vector<storage::Node>& arrays, bool complete);

/// Corrects the clone's mdadm.conf wherever it has one; if it has mdadm, each array is named there. True if one was
/// changed; initrds hold a copy.
bool fit_raid_files(CloneTree& clone, Log& log, const std::vector<storage::Node>& arrays);

}  // namespace ka::agent
