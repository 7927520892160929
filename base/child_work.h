#pragma once
/// Work that may wait for a device or a server for ever, or take long: in a child process of this program, so that the
/// loop goes on.

#include <chrono>
#include <functional>
#include <string>

#include "base/asio.h"

namespace ka {

/// Forks, has the child do `work`, and returns what it returned. The child has this process's memory as it is now, its
/// standard streams, and no other descriptor; it must not use Asio. Throws Error: what `work` threw, or, after `limit`
/// (0: none), "DOING: no answer after N s"; a child that the kernel holds is left to it then.
Awaitable<std::string> in_child(asio::io_context& io, std::string doing, std::function<std::string()> work,
                                std::chrono::seconds limit);

}  // namespace ka
