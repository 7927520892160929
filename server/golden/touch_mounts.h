#pragma once
/// Mount points that are mounted when somebody goes there.

#include <string>
#include <vector>

#include "base/asio.h"
#include "server/golden/mounts.h"

namespace ka::server {

/// Goes to every automounted place, so that what belongs there is mounted and can be seen. Those that do not answer (a
/// server that is away) are returned, each as a warning; they are not waited for longer than some seconds.
Awaitable<std::vector<std::string>> touch_automounts(asio::io_context& io, std::vector<Mount> mounts,
                                                     std::vector<FstabEntry> fstab);

}  // namespace ka::server
