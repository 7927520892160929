#pragma once
/// Who serves a session? Asked by UDP broadcast (docs/protocol.md, "Discovery").

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/asio.h"
#include "wire/ports.h"

namespace ka::net {

struct Discovery {
  std::string session = wire::stage2_session;
  std::uint16_t port = wire::control_port;
  /// Broadcast leaves through this interface ("eth0"); empty: all networks that this machine is in are asked, …
  std::string interface;
  /// … or only the one in which it has this address.
  asio::ip::address_v4 local;
  std::chrono::milliseconds timeout{5000};  ///< for the first answer
  std::chrono::milliseconds again{500};     ///< the question is repeated so often
  std::chrono::milliseconds grace{200};     ///< after the first answer, for those of other servers
};

struct FoundServer {
  asio::ip::address_v4 address;
  std::uint16_t control_port = wire::control_port;
  std::uint64_t server = 0;  ///< tells servers apart, whatever addresses they have
};

/// All that answered, each once, but for `asking`: a server that asks hears itself too. Throws Error if the question
/// cannot be sent at all.
Awaitable<std::vector<FoundServer>> discover(asio::io_context& io, Discovery what,
                                             std::optional<std::uint64_t> asking = std::nullopt);

}  // namespace ka::net
