#include "agent/network/dhcp_client.h"

#include <sys/socket.h>

#include <array>
#include <cstring>

#include "base/error.h"
#include "base/random.h"

namespace ka::agent {

using boost::system::error_code;

DhcpClient::DhcpClient(asio::io_context& io, Log& log, const Link& link, Events events)
    : io_(io),
      log_(log),
      link_(link),
      events_(std::move(events)),
      machine_(link.address, random_number()),
      timer_(io),
      udp_(io) {
  open_raw();
  apply(machine_.begin(now()));
}

void DhcpClient::carrier_came() { apply(machine_.begin(now())); }

DhcpMachine::Time DhcpClient::now() {
  return std::chrono::duration_cast<DhcpMachine::Time>(std::chrono::steady_clock::now().time_since_epoch());
}

void DhcpClient::apply(DhcpActions actions) {
  for (const std::string& note : actions.notes) log_.line("DHCP on " + link_.name + ": " + note);
  if (actions.lost) {
    events_.lost();
    open_raw();
  }
  for (const DhcpSend& what : actions.send) send(what);
  if (actions.bound) {
    error_code ignored;
    raw_.reset();
    udp_.close(ignored);
    events_.bound(*actions.bound);
  }
  arm_timer();
}

void DhcpClient::arm_timer() {
  if (machine_.deadline() == DhcpMachine::Time::max()) {
    timer_.cancel();
    return;
  }
  timer_.expires_at(std::chrono::steady_clock::time_point(machine_.deadline()));
  timer_.async_wait([this, alive = std::weak_ptr(alive_)](error_code error) {
    if (!error && !alive.expired()) apply(machine_.due(now()));
  });
}

// A message that cannot be sent is one that was lost: the machine sends it again.
void DhcpClient::send(const DhcpSend& what) {
  if (what.way == DhcpSend::Way::raw_broadcast) {
    if (!raw_ || !raw_->broadcast(what.message))
      log_.line("DHCP on " + link_.name + ": sending failed: " + std::strerror(errno));
    return;
  }
  try {
    if (!udp_.is_open()) open_udp();
    const auto address = what.way == DhcpSend::Way::unicast ? what.server : asio::ip::address_v4::broadcast();
    udp_.send_to(asio::buffer(what.message), asio::ip::udp::endpoint(address, dhcp::server_port));
  } catch (const std::exception& error) {
    log_.line("DHCP on " + link_.name + ": sending failed: " + error.what());
  }
}

void DhcpClient::open_raw() {
  if (raw_) return;
  net::DhcpSocket::Heard heard = [this](std::span<const std::uint8_t> message, asio::ip::address_v4 from) {
    apply(machine_.received(now(), message, from));
  };
  raw_.emplace(io_, link_.index, link_.name, std::move(heard));
}

void DhcpClient::open_udp() {
  udp_.open(asio::ip::udp::v4());
  udp_.set_option(asio::socket_base::reuse_address(true));
  udp_.set_option(asio::socket_base::broadcast(true));
  udp_.non_blocking(true);
  if (::setsockopt(udp_.native_handle(), SOL_SOCKET, SO_BINDTODEVICE, link_.name.c_str(),
                   static_cast<socklen_t>(link_.name.size())) != 0) {
    throw Error::from_errno("use " + link_.name + " alone");
  }
  udp_.bind(asio::ip::udp::endpoint(asio::ip::udp::v4(), dhcp::client_port));
  wait_udp();
}

void DhcpClient::wait_udp() {
  udp_.async_wait(asio::ip::udp::socket::wait_read, [this, alive = std::weak_ptr(alive_)](error_code error) {
    if (error || alive.expired()) return;  // closed
    read_udp();
    if (udp_.is_open()) wait_udp();
  });
}

void DhcpClient::read_udp() {
  while (udp_.is_open()) {
    std::array<std::uint8_t, 2048> message;
    asio::ip::udp::endpoint from;
    error_code error;
    const std::size_t size = udp_.receive_from(asio::buffer(message), from, 0, error);
    if (error) return;
    if (from.port() == dhcp::server_port)
      apply(machine_.received(now(), std::span(message).first(size), from.address().to_v4()));
  }
}

}  // namespace ka::agent
