#pragma once
/// What DHCP servers of a network offer to somebody who asks, and does not take it: nothing is requested, so no lease
/// stays anywhere.

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/asio.h"
#include "wire/dhcp/packet.h"

namespace ka::server {

/// An interface of this machine, as packets see it.
struct EthernetLink {
  std::string name;
  int index = 0;
  dhcp::HardwareAddress address;
};

/// Throws Error if there is no such interface, or if it is no Ethernet.
EthernetLink ethernet_link(const std::string& name);

/// One that nobody has, out of the range that is for such (IEEE 802: locally administered).
dhcp::HardwareAddress made_up_address();

struct DhcpOffer {
  std::size_t question = 0;           ///< which one it answers
  dhcp::Answer answer;                ///< an OFFER
  asio::ip::address_v4 from;          ///< who sent it
  std::chrono::milliseconds after{};  ///< since the first time it was asked

  asio::ip::address_v4 server() const { return answer.server.value_or(from); }
};

/// Asks each question several times in six seconds, less when `enough` offers are there: switches and servers lose
/// packets, and a server that looks first whether an address is free takes a second or more. Every server's first offer
/// to each question, as they came. What a question says of its transaction is made up here. Throws Error if it cannot
/// be sent.
Awaitable<std::vector<DhcpOffer>> dhcp_offers(asio::io_context& io, const EthernetLink& link,
                                              std::vector<dhcp::Question> questions, std::size_t enough = SIZE_MAX);

}  // namespace ka::server
