#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <set>

#include "agent/server_link.h"
#include "base/random.h"
#include "wire/discovery.h"

namespace ka::agent {

using asio::ip::udp;

namespace {

constexpr auto ask_every = std::chrono::milliseconds(500);

// Where a question must go so that everyone who may serve hears it: all directly connected networks, and this machine.
std::set<asio::ip::address_v4> addresses_to_ask(const std::string& interface) {
  if (!interface.empty()) return {asio::ip::address_v4::broadcast()};
  std::set<asio::ip::address_v4> result;
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) throw Error::from_errno("list the network interfaces");
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || entry->ifa_addr->sa_family != AF_INET || !(entry->ifa_flags & IFF_UP)) continue;
    const sockaddr* to = (entry->ifa_flags & IFF_LOOPBACK)    ? entry->ifa_addr
                         : (entry->ifa_flags & IFF_BROADCAST) ? entry->ifa_broadaddr
                                                              : nullptr;
    if (to != nullptr) result.insert(asio::ip::address_v4(ntohl(reinterpret_cast<const sockaddr_in*>(to)->sin_addr.s_addr)));
  }
  ::freeifaddrs(list);
  return result;
}

udp::socket open_socket(asio::io_context& io, const std::string& interface) {
  udp::socket socket(io, udp::endpoint(udp::v4(), 0));
  socket.set_option(asio::socket_base::broadcast(true));
  if (!interface.empty() && ::setsockopt(socket.native_handle(), SOL_SOCKET, SO_BINDTODEVICE, interface.data(),
                                         static_cast<socklen_t>(interface.size())) != 0)
    throw Error::from_errno("look for a KA server through " + interface);
  return socket;
}

void ask(udp::socket& socket, const Discovery& what, const std::string& question) {
  boost::system::error_code error;
  bool sent = false;
  for (const auto& address : addresses_to_ask(what.interface)) {
    boost::system::error_code this_error;
    socket.send_to(asio::buffer(question), udp::endpoint(address, what.port), 0, this_error);
    if (this_error) error = this_error;
    sent = sent || !this_error;
  }
  if (sent) return;
  throw Error("look for the KA server of session " + what.session,
              error ? "broadcast: " + error.message() : "no network interface is up");
}

}  // namespace

Awaitable<std::optional<ServerAddress>> discover(asio::io_context& io, Discovery what) {
  if (!wire::is_session_name(what.session))
    throw Error("look for the KA server of session " + what.session, "a session name is made of A-Z a-z 0-9 . _ -");
  udp::socket socket = open_socket(io, what.interface);
  const wire::DiscoveryQuery query{random_number(), what.session};
  const std::string question = wire::encode(query);
  const auto deadline = std::chrono::steady_clock::now() + what.timeout;
  asio::steady_timer timer(io);
  auto stop_waiting = [&socket](boost::system::error_code error) {
    boost::system::error_code ignored;
    if (!error) socket.cancel(ignored);
  };
  char room[512];
  auto buffer = asio::buffer(room);
  for (auto now = std::chrono::steady_clock::now(); now < deadline; now = std::chrono::steady_clock::now()) {
    ask(socket, what, question);
    timer.expires_at(std::min(now + ask_every, deadline));
    timer.async_wait(stop_waiting);
    for (;;) {
      udp::endpoint from;
      auto [error, size] = co_await socket.async_receive_from(buffer, from, asio::as_tuple(asio::use_awaitable));
      if (error == asio::error::operation_aborted) break;
      if (error) continue;  // a port that nobody listens on
      try {
        wire::DiscoveryAnswer answer = wire::parse_discovery_answer({room, size});
        if (answer.token != query.token || answer.session != what.session) continue;
        timer.cancel();
        ServerAddress found{from.address().to_v4(), answer.control_port};
        co_return found;
      } catch (const wire::ProtocolError&) {
        // Somebody else's packet.
      }
    }
  }
  co_return std::nullopt;
}

}  // namespace ka::agent
