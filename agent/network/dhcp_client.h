#pragma once
/// Keeps a DHCP lease on one interface: the sockets and the clock for a DhcpMachine.

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "agent/machine/log.h"
#include "agent/network/dhcp_machine.h"
#include "agent/network/netlink.h"
#include "base/asio.h"
#include "net/dhcp_socket.h"

namespace ka::agent {

class DhcpClient {
 public:
  struct Events {
    std::function<void(const Lease&)> bound;  ///< a lease, new or renewed: set it on the interface
    std::function<void()> lost;               ///< the server took it back: remove it
  };

  /// Asks from construction, renews for as long as it lives. Throws Error if the kernel has no packet sockets.
  DhcpClient(asio::io_context& io, Log& log, const Link& link, Events events);

  /// The carrier came back: asks again at once if there is no lease.
  void carrier_came();

 private:
  static DhcpMachine::Time now();
  void apply(DhcpActions actions);
  void send(const DhcpSend& what);
  void open_raw();
  void open_udp();
  void wait_udp();
  void read_udp();
  void arm_timer();

  asio::io_context& io_;
  Log& log_;
  Link link_;
  Events events_;
  DhcpMachine machine_;
  asio::steady_timer timer_;
  std::optional<net::DhcpSocket> raw_;  // while there is no address
  asio::ip::udp::socket udp_;           // while a lease is being renewed
  // Handlers that were queued before the interface went away find this gone.
  std::shared_ptr<void> alive_ = std::make_shared<char>();
};

}  // namespace ka::agent
