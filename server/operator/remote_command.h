#pragma once
/// One command on one node, and its end.

#include <functional>
#include <string>
#include <string_view>

#include "server/operator/node_call.h"

namespace ka::server {

struct RemoteCommand {
  asio::ip::tcp::endpoint there;
  wire::command::Exec exec;
  std::string_view input;                            ///< if exec says that there is some; outlives the loop
  std::chrono::seconds connect_limit{10}, limit{0};  ///< 0: none
  std::function<void(std::string_view bytes, bool errors)> hear;  ///< what it writes to its standard streams
};

struct RemoteEnd {
  static constexpr int no_status = 255;  ///< not reached, refused, too late, broken off

  int status = no_status;  ///< as a shell has it: 128 and the signal
  std::string trouble;     ///< what is wrong; empty: it ended with 0
};

/// Never throws what a node can be blamed for. Leaving it early ends the command.
Awaitable<RemoteEnd> run_remote(asio::io_context& io, const RemoteCommand& command, const wire::KeyPair& key);

/// What a node says that neither its program wrote nor its input made it say: the end, as "ended with status 3" or "was
/// killed by signal 9 (Killed)". Throws Error, a refusal's reason.
RemoteEnd end_of(const wire::command::Message& message);

}  // namespace ka::server
