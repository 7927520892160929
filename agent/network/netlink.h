#pragma once
/// The messages of rtnetlink(7) as bytes: asking for links, setting addresses and routes, and what the kernel says.
/// No I/O. Numbers are in the machine's own byte order, as netlink has them.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "agent/machine/hardware_address.h"
#include "base/asio.h"

namespace ka::agent {

/// A network interface.
struct Link {
  int index = 0;
  std::string name;  ///< "eth0"
  HardwareAddress address;
  bool ethernet = false;  ///< ARPHRD_ETHER with a six-octet address
  bool up = false;        ///< IFF_UP: switched on by us
  bool carrier = false;   ///< IFF_LOWER_UP: the cable is in and the other side is there

  bool operator==(const Link&) const = default;
};

/// One message of the kernel.
struct NetlinkAnswer {
  enum class Kind { link, link_gone, done, error, other };

  Kind kind = Kind::other;
  std::uint32_t sequence = 0;
  Link link;      ///< for link and link_gone
  int error = 0;  ///< for error: an errno value, 0 is "done as asked"
};

using NetlinkBytes = std::vector<std::uint8_t>;

NetlinkBytes ask_for_links(std::uint32_t sequence);
NetlinkBytes switch_on(std::uint32_t sequence, int index);
/// The broadcast address goes with it. Replaces an equal one.
NetlinkBytes add_address(std::uint32_t sequence, int index, asio::ip::address_v4 address, unsigned prefix);
NetlinkBytes remove_address(std::uint32_t sequence, int index, asio::ip::address_v4 address, unsigned prefix);
/// The smaller metric wins. Replaces the one with the same metric.
NetlinkBytes add_default_route(std::uint32_t sequence, int index, asio::ip::address_v4 gateway, std::uint32_t metric);

/// The messages in one datagram, as many as are whole.
std::vector<NetlinkAnswer> parse_netlink(std::span<const std::uint8_t> datagram);

}  // namespace ka::agent
