#pragma once
/// That a clone will start: what its disk holds, followed from its boot loader to its root (wire/boot/trace.h), and the
/// drivers of this machine's disks in what its kernel is started with.

#include <string>
#include <vector>

#include "agent/bootable/initrd_content.h"
#include "agent/machine/clone_tree.h"
#include "agent/machine/log.h"
#include "wire/clone_boot.h"

namespace ka::agent {

/// Files of the clone, as it sees them.
boot::Files files_of(const CloneTree& clone);

/// The initrds that the clone starts with, as far as that can be told already.
std::vector<std::string> used_initrds(const CloneTree& clone, const wire::Manifest& manifest);

/// The clone is mounted and nothing of it is in memory. Each link goes to the log; the result says in a line how it
/// starts, or is empty if nothing of KA's makes it start (-r none). Throws Error naming the link that leads nowhere; of
/// a way that is not this machine's (`uefi`) it is a warning.
Awaitable<std::string> prove_boot(const CloneTree& clone, const InitrdContents& contents, Log& log,
                                  const wire::Manifest& manifest, std::vector<std::string> modules, bool uefi);

}  // namespace ka::agent
