#pragma once
/// Finding the KA server and connecting to it, with the KA method's five tries.

#include <memory>
#include <string>
#include <vector>

#include "agent/boot/boot_options.h"
#include "agent/link/server_link.h"
#include "agent/machine/log.h"
#include "agent/network/network.h"

namespace ka::agent {

/// All tries were in vain.
class NoServer : public Error {
  using Error::Error;
};

inline constexpr int server_tries = 5;

/// Asks on every interface that has an address, or only kaserver= if it was given. Throws NoServer, and Error when the
/// server refuses this node. `own` is this start's own mark, which goes with a token (wire/boot_tokens.h).
Awaitable<std::unique_ptr<ServerLink>> find_server(asio::io_context& io, Log& log, const BootOptions& options,
                                                   std::string own, Network& network);

}  // namespace ka::agent
