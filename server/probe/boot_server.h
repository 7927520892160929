#pragma once
/// A boot server that a machine asks apart, at port 4011, once it has its address (PXE 2.1, 2.2.3): how a proxyDHCP
/// server names the file.

#include <optional>

#include "server/probe/dhcp_offers.h"

namespace ka::server {

/// What to ask there, of an offer's vendor options: the first entry of its menu.
struct BootItem {
  asio::ip::address_v4 server;
  std::optional<std::uint16_t> type;  ///< nullopt: there is no menu, and nothing is chosen
};

/// nullopt: the menu's first entry is the machine's own disk.
std::optional<BootItem> boot_item(const DhcpOffer& offer);

/// Asks three times in three seconds, as the machine of `question` with this machine's own address `own`, to which the
/// answer comes. nullopt: no answer.
Awaitable<std::optional<dhcp::Answer>> ask_boot_server(asio::io_context& io, asio::ip::address_v4 own, BootItem item,
                                                       dhcp::Question question);

}  // namespace ka::server
