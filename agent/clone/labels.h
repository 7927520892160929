#pragma once
/// SELinux labels of what the clone's own steps made: tar brings those of all golden files, and a file that is written
/// in place keeps its own, but a new one has none. An enforcing system would not let its own programs read it.

#include "agent/clone/work.h"

namespace ka::agent {

/// Where / has a label, each file without one that is newer than the copy gets that of the clone's own policy, by its
/// own setfiles, which needs no SELinux in this kernel; where that says nothing, its directory's, as a kernel with
/// SELinux does it. While /proc of the clone is mounted, which setfiles works by. Throws Error.
Awaitable<void> label_new_files(Work& work);

}  // namespace ka::agent
