#pragma once
/// The DHCP client of RFC 2131 §4.4 as a state machine: messages and time go in, messages and leases come out.
/// No I/O, no clock, no randomness but what grows from the seed.

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "agent/machine/hardware_address.h"
#include "agent/network/lease.h"
#include "wire/dhcp/packet.h"

namespace ka::agent {

/// A message to send.
struct DhcpSend {
  /// Where to: raw, from an interface without an address, to everyone; or from the leased address, by UDP.
  enum class Way { raw_broadcast, unicast, broadcast };

  Way way = Way::raw_broadcast;
  asio::ip::address_v4 server;  ///< for unicast
  dhcp::Bytes message;
};

/// What the layer with the sockets has to do now.
struct DhcpActions {
  std::vector<DhcpSend> send;
  std::optional<Lease> bound;      ///< a new lease, or a renewed one: set it on the interface
  bool lost = false;               ///< the server took the address back: remove it
  std::vector<std::string> notes;  ///< for the log
};

class DhcpMachine {
 public:
  using Time = std::chrono::milliseconds;  ///< since a point of the caller's choice; never goes back

  DhcpMachine(HardwareAddress mac, std::uint64_t seed) : mac_(mac), random_(seed) {}

  /// The link carries: asks from now on. Again when the carrier comes back before there is a lease.
  DhcpActions begin(Time now);
  /// The payload of a UDP packet from port 67 to port 68, and the address that sent it.
  DhcpActions received(Time now, std::span<const std::uint8_t> message, asio::ip::address_v4 from = {});
  /// To be called when deadline() has come.
  DhcpActions due(Time now);
  Time deadline() const { return deadline_; }

  /// An address is in use, and its renewal needs no raw socket.
  bool has_lease() const { return lease_.has_value(); }

 private:
  enum class State { selecting, requesting, bound, renewing, rebinding };

  void select(Time now, DhcpActions& actions);
  void request_next_offer(Time now, DhcpActions& actions);
  void take_offer(Time now, dhcp::Answer offer, asio::ip::address_v4 from, DhcpActions& actions);
  void take_nameless(Time now, dhcp::Answer offer, asio::ip::address_v4 from, DhcpActions& actions);
  void request_first_offer(Time now, DhcpActions& actions);
  bool is_of(const dhcp::Answer& answer, const std::optional<asio::ip::address_v4>& server) const;
  void note_refused(const dhcp::Answer& ack, DhcpActions& actions);
  void take_ack(Time now, const dhcp::Answer& ack, DhcpActions& actions);
  void take_nak(Time now, const dhcp::Answer& nak, DhcpActions& actions);
  void send_discover(Time now, DhcpActions& actions);
  void send_request(Time now, DhcpActions& actions);
  void extend(Time now, DhcpActions& actions);
  dhcp::Question question(dhcp::Type type, Time now) const;
  Time backoff();
  std::uint64_t random();

  HardwareAddress mac_;
  std::uint64_t random_;
  State state_ = State::selecting;
  Time began_{};  // of this round of asking
  Time deadline_ = Time::max();
  unsigned attempt_ = 0;
  unsigned refusals_ = 0;  // NAKs since the last lease
  std::uint32_t xid_ = 0;
  std::vector<dhcp::Answer> offers_;    // front: the one that is requested
  std::vector<dhcp::Answer> nameless_;  // without a server identifier: taken if there are no others
  Time patience_end_{};                 // when they are, while selecting
  bool named_ = true;                   // the server that is asked, or gave the lease, names itself
  std::optional<Lease> lease_;
  std::vector<std::string> refused_;  // as noted with the last lease
  Time leased_at_{};
};

}  // namespace ka::agent
