#pragma once
/// What must fit this machine, in the clone's own files: names, network, drivers, the operator's hooks.

#include "agent/clone/work.h"

namespace ka::agent {

/// Everything of it, in its order: device names first, since what the initrd holds follows from them.
Awaitable<void> fit(Work& work);

}  // namespace ka::agent
