#pragma once
/// All that comes before a clone's first write: what is asked of this machine, and the server's yes. Each throws Error
/// that ends in "Nothing was written", which is true.

#include <string>

#include "agent/clone/file_systems.h"
#include "agent/clone/work.h"

namespace ka::agent {

/// Chooses the disks of work.targets, after everything else that can be known was looked at.
Awaitable<void> check_everything(Work& work, FileSystems& file_systems);

/// From here on nobody else can take the disks, and what their descriptors say is what was chosen by their names.
void claim_disks(Work& work);

/// The server's yes of this round; whatever else it says or if it is silent, nothing is written. Throws PutOut and
/// ServerLost as well, as the link gives them.
Awaitable<std::vector<wire::DevicePassphrase>> ask_to_write(Work& work);

/// What the firmware starts a system by shows in how it started this one.
bool is_uefi(const Work& work);

/// Where stage2 has this machine's EFI variables.
std::string efi_folder(const Work& work);

}  // namespace ka::agent
