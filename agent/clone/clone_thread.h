#pragma once
/// The clone beside the loop that answers the server: it may wait for a disk as long as that takes, in any call.

#include <chrono>
#include <memory>
#include <string>

#include "agent/clone/clone.h"
#include "base/asio.h"

namespace ka::agent {

/// Runs clone() on a thread of its own, with a Machine of that thread. Its log, its link and what it asks of this node
/// (drivers) stay where they are, on the loop that it was called on, and are called there. Returns and throws as
/// clone() does. A clone that gives no sign of life for longer than its step limit and a minute more hangs in a call
/// that cannot be ended: Error then, and it is left behind as it is, so this machine must be rebooted; what `context`
/// refers to has to live until then.
Awaitable<void> clone_beside(CloneContext context);

}  // namespace ka::agent
