#pragma once
/// The keeper's own process: root, and away from the network. It does what its work has, asked through one socket, and
/// ends with that.

#include "server/keeper/keeper_work.h"
#include "server/keeper/seclusion.h"

namespace ka::server {

/// In the child that is to be the keeper; `socket` is its end. All else that was open before is closed. `user`: whose
/// the logs become.
[[noreturn]] void be_the_keeper(int socket, const KeeperWork& work, const NetworkUser& user);

}  // namespace ka::server
