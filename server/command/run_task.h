#pragma once
/// A command that is one task.

#include "base/asio.h"

namespace ka::server {

/// Runs the task to its end; what it has left running ends with it. Throws what it threw.
void run_task(asio::io_context& io, Awaitable<void> task);

}  // namespace ka::server
