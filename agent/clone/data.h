#pragma once
/// What the golden node sends into the clone, and that the disk gives it back.

#include "agent/clone/file_systems.h"
#include "agent/clone/work.h"

namespace ka::agent {

/// The files of all mounted file systems.
Awaitable<void> copy_system(Work& work);

/// What is copied device by device.
Awaitable<void> copy_blocks(Work& work, const wire::Stream& stream);

/// What the clone's own steps changed of that, while all is still mounted and nothing more will change it.
Awaitable<void> note_what_was_written(Work& work);

/// What was sent or written, against what the disk gives back: mounted anew, nothing of it is in memory. With the way
/// from firmware to root at its end. Throws Error naming what differs.
Awaitable<void> read_back(Work& work, FileSystems& file_systems);

}  // namespace ka::agent
