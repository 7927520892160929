#include "net/discovery_server.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

#include "base/error.h"
#include "net/door.h"
#include "wire/discovery.h"

namespace ka::net {

using asio::ip::udp;

namespace {

// A node asks twice a second. Who asks more often, or floods the port, takes no more of this machine than this.
constexpr double answers_per_second = 10, answers_at_once = 100;
constexpr int most_at_a_time = 64;
constexpr auto pause_after_those = std::chrono::milliseconds(5);

// The interface that has the address; 0: none.
unsigned interface_of(asio::ip::address_v4 address) {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return 0;
  unsigned index = 0;
  for (const ifaddrs* entry = list; entry != nullptr && index == 0; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || entry->ifa_addr->sa_family != AF_INET) continue;
    const auto* own = reinterpret_cast<const sockaddr_in*>(entry->ifa_addr);
    if (ntohl(own->sin_addr.s_addr) == address.to_uint()) index = ::if_nametoindex(entry->ifa_name);
  }
  ::freeifaddrs(list);
  return index;
}

// A datagram with the interface by which it came, and the address of this machine that is meant there.
struct Datagram {
  std::array<char, 512> room;
  std::size_t size = 0;
  sockaddr_in from{};
  in_pktinfo way{};

  std::string_view bytes() const { return {room.data(), size}; }
};

// What travels beside a datagram.
struct Beside {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(in_pktinfo))> bytes{};
};

bool receive(int socket, Datagram& datagram) {
  iovec piece{datagram.room.data(), datagram.room.size()};
  Beside beside;
  msghdr message{};
  message.msg_name = &datagram.from;
  message.msg_namelen = sizeof datagram.from;
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = beside.bytes.data();
  message.msg_controllen = beside.bytes.size();
  const ssize_t size = ::recvmsg(socket, &message, MSG_DONTWAIT);
  if (size < 0) return false;
  datagram.size = static_cast<std::size_t>(size);
  datagram.way = {};
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_PKTINFO)
      std::memcpy(&datagram.way, CMSG_DATA(header), sizeof datagram.way);
  }
  return true;
}

// Back to where the question came from, by the way on which it came.
void reply(int socket, const Datagram& question, std::string answer) {
  sockaddr_in to = question.from;
  iovec piece{answer.data(), answer.size()};
  Beside beside;
  msghdr message{};
  message.msg_name = &to;
  message.msg_namelen = sizeof to;
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = beside.bytes.data();
  message.msg_controllen = beside.bytes.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = IPPROTO_IP;
  header->cmsg_type = IP_PKTINFO;
  header->cmsg_len = CMSG_LEN(sizeof question.way);
  std::memcpy(CMSG_DATA(header), &question.way, sizeof question.way);
  ::sendmsg(socket, &message, MSG_DONTWAIT);  // one that is lost is asked for again
}

}  // namespace

struct DiscoveryServer::State {
  State(asio::io_context& io, asio::ip::address_v4 own, Offer what)
      : socket(io), pause(io), address(own), offer(std::move(what)), door(io, answers_per_second, answers_at_once) {}

  udp::socket socket;
  asio::steady_timer pause;
  asio::ip::address_v4 address;
  Offer offer;
  unsigned interface = 0;  // that has the address
  Door door;

  void listen(std::uint16_t port);
  Awaitable<void> run(std::shared_ptr<State> self);
  void answer(Datagram& question);
  bool comes_from_our_network(Datagram& question);
};

void DiscoveryServer::State::listen(std::uint16_t port) {
  boost::system::error_code error;
  socket.open(udp::v4(), error);
  const int fd = socket.native_handle(), on = 1;
  ::setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
  char name[IF_NAMESIZE] = "";
  interface = address.is_unspecified() ? 0 : interface_of(address);
  // So that another server may serve another network from here. Not every kernel lets everybody do it.
  if (interface != 0 && ::if_indextoname(interface, name) != nullptr)
    ::setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, static_cast<socklen_t>(std::strlen(name)));
  // Broadcasts reach only a socket that is bound to any address.
  socket.bind(udp::endpoint(udp::v4(), port), error);
  if (error)
    throw Error("listen on UDP port " + std::to_string(port), error == asio::error::address_in_use
                                                                  ? "it is taken: does another ka-server run here?"
                                                                  : error.message());
  door.guards(fd);
}

Awaitable<void> DiscoveryServer::State::run(std::shared_ptr<State>) {
  Datagram question;
  while (socket.is_open()) {
    auto [error] = co_await socket.async_wait(udp::socket::wait_read, asio::as_tuple(asio::use_awaitable));
    if (error) co_return;
    int number = 0;
    for (; number < most_at_a_time && receive(socket.native_handle(), question); ++number) answer(question);
    if (number < most_at_a_time) continue;
    pause.expires_after(pause_after_those);
    co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

bool DiscoveryServer::State::comes_from_our_network(Datagram& question) {
  if (address.is_unspecified()) return true;
  const auto by = static_cast<unsigned>(question.way.ipi_ifindex);
  if (by != interface) interface = interface_of(address);  // it may have been made anew
  question.way.ipi_spec_dst.s_addr = htonl(address.to_uint());
  return by == interface;
}

void DiscoveryServer::State::answer(Datagram& question) {
  try {
    const wire::DiscoveryQuery query = wire::parse_discovery_query(question.bytes());
    if (!door.admits(ntohl(question.from.sin_addr.s_addr))) return;
    if (!comes_from_our_network(question) || !offer.serves(query.session)) return;
    wire::DiscoveryAnswer answer;
    answer.token = query.token;
    answer.server = offer.server;
    answer.control_port = offer.control_port;
    answer.session = query.session;
    reply(socket.native_handle(), question, wire::encode(answer));
  } catch (const wire::ProtocolError&) {
    // Not a question for us.
  }
}

DiscoveryServer::DiscoveryServer(asio::io_context& io, asio::ip::address_v4 address, std::uint16_t port, Offer offer)
    : state_(std::make_shared<State>(io, address, std::move(offer))) {
  state_->listen(port);
  asio::co_spawn(io, state_->run(state_), asio::detached);
}

DiscoveryServer::~DiscoveryServer() {
  boost::system::error_code ignored;
  state_->door.guards(-1);
  state_->socket.close(ignored);
  state_->pause.cancel();
}

}  // namespace ka::net
