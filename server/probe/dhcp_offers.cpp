#include "server/probe/dhcp_offers.h"

#include <ifaddrs.h>
#include <linux/if_arp.h>
#include <linux/if_packet.h>

#include <algorithm>
#include <memory>

#include "base/error.h"
#include "base/random.h"
#include "net/dhcp_socket.h"

namespace ka::server {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// Since the first time; the last is the end.
constexpr std::chrono::milliseconds asked_at[] = {0ms, 1000ms, 3000ms, 6000ms};

void keep(std::vector<DhcpOffer>& offers, DhcpOffer offer) {
  const auto same = [&offer](const DhcpOffer& other) {
    return other.question == offer.question && other.server() == offer.server();
  };
  if (std::none_of(offers.begin(), offers.end(), same)) offers.push_back(std::move(offer));
}

}  // namespace

EthernetLink ethernet_link(const std::string& name) {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) throw Error::from_errno("list the network interfaces");
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(list, &::freeifaddrs);
  for (const ifaddrs* i = list; i != nullptr; i = i->ifa_next) {
    if (name != i->ifa_name || i->ifa_addr == nullptr || i->ifa_addr->sa_family != AF_PACKET) continue;
    const auto* packet = reinterpret_cast<const sockaddr_ll*>(i->ifa_addr);
    EthernetLink link{name, packet->sll_ifindex, {}};
    if (packet->sll_hatype != ARPHRD_ETHER || packet->sll_halen != link.address.octets.size())
      throw Error("interface " + name, "it is no Ethernet");
    std::copy_n(packet->sll_addr, link.address.octets.size(), link.address.octets.begin());
    return link;
  }
  throw Error("interface " + name, "there is none of that name");
}

dhcp::HardwareAddress made_up_address() {
  dhcp::HardwareAddress address;
  std::uint64_t random = random_number();
  for (std::uint8_t& octet : address.octets) octet = static_cast<std::uint8_t>(std::exchange(random, random >> 8));
  constexpr std::uint8_t local = 2, group = 1;
  address.octets[0] = static_cast<std::uint8_t>((address.octets[0] | local) & ~group);
  return address;
}

Awaitable<std::vector<DhcpOffer>> dhcp_offers(asio::io_context& io, const EthernetLink& link,
                                              std::vector<dhcp::Question> questions, std::size_t enough) {
  const auto began = Clock::now();
  auto first = static_cast<std::uint32_t>(random_number());
  for (dhcp::Question& question : questions) {
    question.type = dhcp::Type::discover;
    question.xid = first++;
    question.broadcast = true;  // this machine may have another address, and its kernel would drop the answer
  }
  std::vector<DhcpOffer> offers;
  asio::steady_timer timer(io);
  net::DhcpSocket::Heard heard = [&](std::span<const std::uint8_t> message, asio::ip::address_v4 from) {
    std::string why;
    const auto answer = dhcp::parse(message, why);
    if (!answer || answer->type != dhcp::Type::offer) return;
    for (std::size_t i = 0; i < questions.size(); ++i) {
      if (answer->xid != questions[i].xid || answer->mac != questions[i].mac) continue;
      const auto after = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - began);
      keep(offers, DhcpOffer{i, *answer, from, after});
    }
    if (offers.size() >= enough) timer.cancel();
  };
  net::DhcpSocket socket(io, link.index, link.name, std::move(heard));
  for (std::size_t i = 0; i + 1 < std::size(asked_at) && offers.size() < enough; ++i) {
    for (dhcp::Question& question : questions) {
      question.seconds = static_cast<std::uint16_t>(asked_at[i] / 1s);
      if (!socket.broadcast(dhcp::build(question))) throw Error::from_errno("ask for DHCP servers on " + link.name);
    }
    timer.expires_at(began + asked_at[i + 1]);
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  co_return offers;
}

}  // namespace ka::server
