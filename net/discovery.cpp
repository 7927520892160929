#include "net/discovery.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/random.h"
#include "wire/discovery.h"

namespace ka::net {

using asio::ip::udp;
using Clock = std::chrono::steady_clock;

namespace {

asio::ip::address_v4 address_of(const sockaddr* address) {
  return asio::ip::address_v4(ntohl(reinterpret_cast<const sockaddr_in*>(address)->sin_addr.s_addr));
}

// Where a question must go so that everyone who may serve hears it: all directly connected networks, and this machine.
std::set<asio::ip::address_v4> addresses_to_ask(const Discovery& what) {
  if (!what.interface.empty()) return {asio::ip::address_v4::broadcast()};
  std::set<asio::ip::address_v4> result;
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) throw Error::from_errno("list the network interfaces");
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || entry->ifa_addr->sa_family != AF_INET || !(entry->ifa_flags & IFF_UP)) continue;
    if (!what.local.is_unspecified() && address_of(entry->ifa_addr) != what.local) continue;
    const sockaddr* to = (entry->ifa_flags & IFF_LOOPBACK)    ? entry->ifa_addr
                         : (entry->ifa_flags & IFF_BROADCAST) ? entry->ifa_broadaddr
                                                              : nullptr;
    if (to != nullptr) result.insert(address_of(to));
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
  for (const auto& address : addresses_to_ask(what)) {
    boost::system::error_code this_error;
    socket.send_to(asio::buffer(question), udp::endpoint(address, what.port), 0, this_error);
    if (this_error) error = this_error;
    sent = sent || !this_error;
  }
  if (sent) return;
  throw Error("look for the KA server of session " + what.session,
              error ? "broadcast: " + error.message() : "no network interface is up");
}

// The answers that come until `end`.
Awaitable<void> listen(std::shared_ptr<udp::socket> socket, const wire::DiscoveryQuery& query,
                       std::optional<std::uint64_t> asking, Clock::time_point end, std::vector<FoundServer>& found) {
  asio::steady_timer timer(socket->get_executor(), end);
  auto stop_waiting = [socket](boost::system::error_code error) {
    boost::system::error_code ignored;
    if (!error) socket->cancel(ignored);
  };
  timer.async_wait(stop_waiting);
  char room[512];
  auto buffer = asio::buffer(room);
  // The timer may go off while an answer is on its way to here and nothing is waited for: then it has stopped nothing.
  for (const bool any = !found.empty(); (any || found.empty()) && Clock::now() < end;) {
    udp::endpoint from;
    auto [error, size] = co_await socket->async_receive_from(buffer, from, asio::as_tuple(asio::use_awaitable));
    if (error == asio::error::operation_aborted) break;
    if (error) continue;  // a port that nobody listens on
    try {
      const wire::DiscoveryAnswer answer = wire::parse_discovery_answer({room, size});
      auto same = [&answer](const FoundServer& other) { return other.server == answer.server; };
      if (answer.token != query.token || answer.session != query.session || answer.server == asking) continue;
      if (std::any_of(found.begin(), found.end(), same)) continue;
      found.push_back({from.address().to_v4(), answer.control_port, answer.server});
    } catch (const wire::ProtocolError&) {
      // Somebody else's packet.
    }
  }
}

}  // namespace

Awaitable<std::vector<FoundServer>> discover(asio::io_context& io, Discovery what,
                                             std::optional<std::uint64_t> asking) {
  if (!wire::is_session_name(what.session))
    throw Error("look for the KA server of session " + what.session, "a session name is made of A-Z a-z 0-9 . _ -");
  auto socket = std::make_shared<udp::socket>(open_socket(io, what.interface));
  const wire::DiscoveryQuery query{random_number(), what.session};
  const std::string question = wire::encode(query);
  std::vector<FoundServer> found;
  const auto deadline = Clock::now() + what.timeout;
  for (auto now = Clock::now(); now < deadline && found.empty(); now = Clock::now()) {
    ask(*socket, what, question);
    co_await listen(socket, query, asking, std::min(now + what.again, deadline), found);
  }
  if (!found.empty()) co_await listen(socket, query, asking, Clock::now() + what.grace, found);
  co_return found;
}

}  // namespace ka::net
