#include "agent/network/dhcp_client.h"

#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

#include "base/error.h"
#include "base/random.h"
#include "base/unique_fd.h"

namespace ka::agent {

namespace {

using boost::system::error_code;

// Lets only unfragmented IPv4/UDP to port 68 through, so that other traffic never wakes this process.
void keep_only_dhcp(int fd) {
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 9),                        // protocol
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 6),       //
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 6),                        // fragment offset
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x1fff, 4, 0),           //
      BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),                       // header length
      BPF_STMT(BPF_LD | BPF_H | BPF_IND, 2),                        // destination port
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, dhcp_client_port, 0, 1),  //
      BPF_STMT(BPF_RET | BPF_K, 0xffff),                            // all of it
      BPF_STMT(BPF_RET | BPF_K, 0),                                 // nothing
  };
  const sock_fprog program{std::size(code), code};
  if (::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0) {
    throw Error::from_errno("filter packets for DHCP");
  }
}

sockaddr_ll everyone_on(int interface) {
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_IP);
  address.sll_ifindex = interface;
  address.sll_halen = ETH_ALEN;
  std::memset(address.sll_addr, 0xff, ETH_ALEN);
  return address;
}

// PACKET_AUXDATA: a sender on the same host may have left the checksum to hardware that does not exist.
bool checksum_is_ready(msghdr& message) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_PACKET || part->cmsg_type != PACKET_AUXDATA) continue;
    if (part->cmsg_len < CMSG_LEN(sizeof(tpacket_auxdata))) continue;
    tpacket_auxdata auxiliary;
    std::memcpy(&auxiliary, CMSG_DATA(part), sizeof auxiliary);
    return (auxiliary.tp_status & TP_STATUS_CSUMNOTREADY) == 0;
  }
  return true;
}

}  // namespace

DhcpClient::DhcpClient(asio::io_context& io, Log& log, const Link& link, Events events)
    : log_(log),
      link_(link),
      events_(std::move(events)),
      machine_(link.address, random_number()),
      timer_(io),
      raw_(io),
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
    raw_.close(ignored);
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
    const Bytes packet = wrap_for_broadcast(what.message);
    const sockaddr_ll to = everyone_on(link_.index);
    if (::sendto(raw_.native_handle(), packet.data(), packet.size(), 0, reinterpret_cast<const sockaddr*>(&to),
                 sizeof to) < 0) {
      log_.line("DHCP on " + link_.name + ": sending failed: " + std::strerror(errno));
    }
    return;
  }
  try {
    if (!udp_.is_open()) open_udp();
    const auto address = what.way == DhcpSend::Way::unicast ? what.server : asio::ip::address_v4::broadcast();
    udp_.send_to(asio::buffer(what.message), asio::ip::udp::endpoint(address, dhcp_server_port));
  } catch (const std::exception& error) {
    log_.line("DHCP on " + link_.name + ": sending failed: " + error.what());
  }
}

void DhcpClient::open_raw() {
  if (raw_.is_open()) return;
  UniqueFd fd(::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) throw Error::from_errno("open a packet socket for DHCP on " + link_.name);
  keep_only_dhcp(fd.get());
  const int on = 1;
  if (::setsockopt(fd.get(), SOL_PACKET, PACKET_AUXDATA, &on, sizeof on) != 0) {
    throw Error::from_errno("ask for checksum states on " + link_.name);
  }
  // Bound only now: no packet that came before the filter was in place is seen.
  const sockaddr_ll address = everyone_on(link_.index);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    throw Error::from_errno("listen for DHCP on " + link_.name);
  }
  raw_.assign(fd.release());
  wait_raw();
}

void DhcpClient::wait_raw() {
  raw_.async_wait(asio::posix::descriptor_base::wait_read, [this, alive = std::weak_ptr(alive_)](error_code error) {
    if (error || alive.expired()) return;  // closed
    read_raw();
    if (raw_.is_open()) wait_raw();
  });
}

void DhcpClient::read_raw() {
  while (raw_.is_open()) {
    std::array<std::uint8_t, 2048> packet;
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(tpacket_auxdata))> control;
    iovec part{packet.data(), packet.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t size = ::recvmsg(raw_.native_handle(), &message, 0);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return;
    const auto bytes = std::span<const std::uint8_t>(packet).first(static_cast<std::size_t>(size));
    const auto payload = unwrap(bytes, checksum_is_ready(message));
    if (!payload.empty()) apply(machine_.received(now(), payload, source_of(bytes)));
  }
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
  udp_.bind(asio::ip::udp::endpoint(asio::ip::udp::v4(), dhcp_client_port));
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
    if (from.port() == dhcp_server_port)
      apply(machine_.received(now(), std::span(message).first(size), from.address().to_v4()));
  }
}

}  // namespace ka::agent
