#pragma once
/// What the clone's own LVM goes by, below /etc/lvm: which devices it may look at, and its copies of metadata.

#include <string>
#include <vector>

#include "agent/machine/clone_tree.h"
#include "agent/machine/log.h"
#include "base/asio.h"

namespace ka::agent {

/// A volume group that was made here.
struct MadeGroup {
  std::string name;
  std::vector<std::string> devices;  ///< its physical volumes here: "/dev/vda3"
  std::vector<std::string> uuids;    ///< of these, as LVM has them
};

/// The devices file, if there is one, names exactly these physical volumes; the golden machine's are not there, and LVM
/// looks at no others. Golden copies of these groups' metadata give way to one of theirs. /proc, /sys, /dev and /run
/// must be mounted in the clone; before its initrds are made, which get a copy. A clone's LVM that does not see its
/// group is warned of. Throws Error if the devices file cannot be written.
Awaitable<void> fit_lvm_files(Machine& machine, CloneTree& clone, const CloneTree& stage2, Log& log,
                              std::vector<MadeGroup> groups);

}  // namespace ka::agent
