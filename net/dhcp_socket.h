#pragma once
/// DHCP messages of a client on one interface, whether it has an address or not: packet(7), and a filter in the kernel,
/// so that other traffic wakes nobody.

#include <functional>
#include <memory>
#include <span>
#include <string>

#include "base/asio.h"
#include "wire/dhcp/packet.h"

namespace ka::net {

class DhcpSocket {
 public:
  /// The payload of a UDP packet from port 67 to port 68, and the address that sent it.
  using Heard = std::function<void(std::span<const std::uint8_t> message, asio::ip::address_v4 from)>;

  /// Listens from construction until destruction, which `heard` may cause itself. Throws Error if the kernel has no
  /// packet sockets, or this process may have none.
  DhcpSocket(asio::io_context& io, int interface, const std::string& name, Heard heard);
  ~DhcpSocket();
  DhcpSocket(const DhcpSocket&) = delete;
  DhcpSocket& operator=(const DhcpSocket&) = delete;

  /// To every server of the network. False, and errno, if the kernel does not send it.
  bool broadcast(const dhcp::Bytes& message);

 private:
  struct State;
  std::shared_ptr<State> state_;
  int interface_;  // its index
};

}  // namespace ka::net
