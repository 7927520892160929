#pragma once
/// What is asked for of this machine's network.

#include <optional>
#include <string>
#include <vector>

#include "agent/machine/hardware_address.h"
#include "base/asio.h"

namespace ka::agent {

/// network:static
struct StaticNetwork {
  asio::ip::address_v4 address;
  unsigned prefix = 24;  ///< length of the netmask, 1 … 32
  std::optional<asio::ip::address_v4> gateway;
  std::vector<asio::ip::address_v4> dns;
};

struct NetworkOptions {
  std::string interface;                          ///< "eth0"; empty: all with a carrier (interface:auto)
  std::optional<HardwareAddress> boot_interface;  ///< BOOTIF: the NIC that PXE used; goes before `interface`
  std::optional<StaticNetwork> static_network;    ///< nullopt: DHCP
  /// kahostprefix=: this machine is called so, and by the last number of its address, if DHCP gives it no name.
  std::string host_prefix;
};

}  // namespace ka::agent
