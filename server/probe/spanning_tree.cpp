#include "server/probe/spanning_tree.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "base/unique_fd.h"

namespace ka::server {

namespace {

constexpr std::array<unsigned char, ETH_ALEN> bridge_group = {0x01, 0x80, 0xc2, 0, 0, 0};

UniqueFd listen_on(int interface) {
  UniqueFd fd(::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_802_2)));
  sockaddr_ll at{};
  at.sll_family = AF_PACKET;
  at.sll_protocol = htons(ETH_P_802_2);
  at.sll_ifindex = interface;
  packet_mreq group{};
  group.mr_ifindex = interface;
  group.mr_type = PACKET_MR_MULTICAST;
  group.mr_alen = ETH_ALEN;
  std::copy(bridge_group.begin(), bridge_group.end(), std::begin(group.mr_address));
  const bool listens = fd.valid() && ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0 &&
                       ::setsockopt(fd.get(), SOL_PACKET, PACKET_ADD_MEMBERSHIP, &group, sizeof group) == 0;
  return listens ? std::move(fd) : UniqueFd();
}

}  // namespace

SpanningTree::SpanningTree(asio::io_context& io, int interface) : packets_(io) {
  UniqueFd fd = listen_on(interface);
  if (fd.valid()) packets_.assign(fd.release());
}

std::string SpanningTree::heard() {
  std::array<char, 2048> packet;
  while (packets_.is_open()) {
    const ssize_t size = ::recv(packets_.native_handle(), packet.data(), packet.size(), 0);
    if (size < 0) break;
    const std::string text = spanning_tree_text(std::string_view(packet.data(), static_cast<std::size_t>(size)));
    if (!text.empty()) return text;
  }
  return {};
}

// LLC, then the BPDU (IEEE 802.1D, 9.3): protocol 0, version, type, …, the forward delay in 256ths of a second.
std::string spanning_tree_text(std::string_view packet) {
  constexpr std::string_view start("\x42\x42\x03\x00\x00", 5);
  constexpr std::size_t at_version = 5, at_type = 6, at_delay = 36, whole = 38;
  constexpr char configuration = 0, rapid = 2;
  if (packet.size() < whole || !packet.starts_with(start)) return {};
  if (packet[at_type] != configuration && packet[at_type] != rapid) return {};
  const unsigned delay = static_cast<unsigned char>(packet[at_delay]);
  const std::string name = packet[at_version] == 0 ? "the spanning tree protocol" : "the rapid spanning tree protocol";
  return "The switch speaks " + name + ": unless the ports of the machines are edge ports (PortFast), it holds back " +
         "their first " + std::to_string(2 * delay) + " s, and their firmware may give up before";
}

}  // namespace ka::server
