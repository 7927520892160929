#pragma once
/// Answers those who look for a session by UDP (docs/protocol.md, "Discovery").

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/asio.h"

namespace ka::net {

class DiscoveryServer {
 public:
  struct Offer {
    std::uint64_t server = 0;  ///< tells servers apart
    std::uint16_t control_port = 0;
    std::function<bool(const std::string& session)> serves;
  };

  /// Answers at once, from `address` alone: only questions that come in by the interface that has it, since whoever
  /// asks elsewhere could not connect. The address any: on all interfaces. Throws Error if the port is taken.
  DiscoveryServer(asio::io_context& io, asio::ip::address_v4 address, std::uint16_t port, Offer offer);
  ~DiscoveryServer();
  DiscoveryServer(const DiscoveryServer&) = delete;
  DiscoveryServer& operator=(const DiscoveryServer&) = delete;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace ka::net
