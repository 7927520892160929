#pragma once
/// `ka-server` itself: clones this machine onto the nodes that ask for it.

#include "server/options/options.h"

namespace ka::server {

/// Checks this machine, prints the plan, serves until enough nodes are done. Returns the exit status
/// (docs/ka-server.8); throws Error for what is wrong on this side.
int run_clone(const CloneOptions& options);

}  // namespace ka::server
