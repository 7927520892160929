#include "net/dhcp_socket.h"

#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

#include "base/error.h"
#include "base/unique_fd.h"

namespace ka::net {

namespace {

// Lets only unfragmented IPv4/UDP to port 68 through, so that other traffic never wakes this process.
void keep_only_dhcp(int fd) {
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 9),                         // protocol
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 6),        //
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 6),                         // fragment offset
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x1fff, 4, 0),            //
      BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),                        // header length
      BPF_STMT(BPF_LD | BPF_H | BPF_IND, 2),                         // destination port
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, dhcp::client_port, 0, 1),  //
      BPF_STMT(BPF_RET | BPF_K, 0xffff),                             // all of it
      BPF_STMT(BPF_RET | BPF_K, 0),                                  // nothing
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

UniqueFd open_packet_socket(int interface, const std::string& name) {
  UniqueFd fd(::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) throw Error::from_errno("open a packet socket for DHCP on " + name);
  keep_only_dhcp(fd.get());
  const int on = 1;
  if (::setsockopt(fd.get(), SOL_PACKET, PACKET_AUXDATA, &on, sizeof on) != 0) {
    throw Error::from_errno("ask for checksum states on " + name);
  }
  // Bound only now: no packet that came before the filter was in place is seen.
  const sockaddr_ll address = everyone_on(interface);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    throw Error::from_errno("listen for DHCP on " + name);
  }
  return fd;
}

}  // namespace

struct DhcpSocket::State {
  State(asio::io_context& io, UniqueFd fd, Heard heard) : packets(io, fd.release()), heard(std::move(heard)) {}

  static void wait(std::shared_ptr<State> self);
  void read();

  asio::posix::stream_descriptor packets;
  Heard heard;
};

void DhcpSocket::State::wait(std::shared_ptr<State> self) {
  State& state = *self;
  auto readable = [self = std::move(self)](boost::system::error_code error) mutable {
    if (error) return;  // closed
    self->read();
    if (self->packets.is_open()) wait(std::move(self));
  };
  state.packets.async_wait(asio::posix::descriptor_base::wait_read, std::move(readable));
}

void DhcpSocket::State::read() {
  while (packets.is_open()) {
    std::array<std::uint8_t, 2048> packet;
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(tpacket_auxdata))> control;
    iovec part{packet.data(), packet.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t size = ::recvmsg(packets.native_handle(), &message, 0);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return;
    const auto bytes = std::span<const std::uint8_t>(packet).first(static_cast<std::size_t>(size));
    const auto payload = dhcp::unwrap(bytes, checksum_is_ready(message));
    if (!payload.empty()) heard(payload, dhcp::source_of(bytes));
  }
}

DhcpSocket::DhcpSocket(asio::io_context& io, int interface, const std::string& name, Heard heard)
    : state_(std::make_shared<State>(io, open_packet_socket(interface, name), std::move(heard))),
      interface_(interface) {
  State::wait(state_);
}

DhcpSocket::~DhcpSocket() {
  boost::system::error_code ignored;
  state_->packets.close(ignored);
}

bool DhcpSocket::broadcast(const dhcp::Bytes& message) {
  const dhcp::Bytes packet = dhcp::wrap_for_broadcast(message);
  const sockaddr_ll to = everyone_on(interface_);
  return ::sendto(state_->packets.native_handle(), packet.data(), packet.size(), 0,
                  reinterpret_cast<const sockaddr*>(&to), sizeof to) >= 0;
}

}  // namespace ka::net
