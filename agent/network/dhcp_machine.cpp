#include "agent/network/dhcp_machine.h"

#include <algorithm>

namespace ka::agent {

namespace {

using namespace std::chrono_literals;
using asio::ip::address_v4;
using Time = DhcpMachine::Time;

// A switch with spanning tree drops everything for its first 30 to 50 s: ask often enough to be heard soon after.
constexpr Time first_wait = 1s, longest_wait = 8s;
constexpr unsigned request_attempts = 4;
constexpr std::size_t most_offers = 8;
// For a better offer than one of a server that does not name itself.
constexpr Time patience = 3s;
constexpr Time shortest_renewal_wait = 10s;
constexpr std::uint32_t for_ever = 0xffffffff;
// A server that forgot option 51: ask again after half of this.
constexpr std::uint32_t assumed_lease = 3600;
// Leases shorter than this are counted as this, or a broken server would make us ask without a pause.
constexpr std::uint32_t shortest_lease = 30;

bool usable(address_v4 address) {
  const std::uint32_t value = address.to_uint();
  return value >> 24 != 0 && !address.is_loopback() && !address.is_multicast() && value < 0xf0000000;
}

// RFC 791's classes, for servers that send no netmask.
unsigned classful_prefix(address_v4 address) {
  const std::uint32_t value = address.to_uint();
  return value < 0x80000000 ? 8 : value < 0xc0000000 ? 16 : 24;
}

std::string text_of(const std::optional<address_v4>& server) {
  return server ? "DHCP server " + server->to_string() : "a DHCP server without an address";
}

// A relay sends in its own name; then the boot server is the best guess.
std::optional<address_v4> likely_server(const dhcp::Answer& offer, address_v4 from) {
  if (usable(from) && offer.relay.is_unspecified()) return from;
  if (usable(offer.next_server)) return offer.next_server;
  return usable(from) ? std::optional(from) : std::nullopt;
}

Lease lease_of(const dhcp::Answer& ack) {
  Lease lease;
  lease.address = ack.address;
  lease.prefix = ack.prefix.value_or(classful_prefix(ack.address));
  if (!ack.routers.empty() && usable(ack.routers.front())) lease.gateway = ack.routers.front();
  lease.dns = ack.dns;
  lease.host_name = ack.host_name;
  lease.domains = ack.search;
  lease.server = ack.server.value_or(address_v4());
  const std::uint32_t seconds = ack.lease_seconds.value_or(assumed_lease);
  if (seconds == for_ever) return lease;
  const std::uint32_t whole = std::max(seconds, shortest_lease);
  std::uint32_t t1 = ack.renewal_seconds.value_or(whole / 2);
  std::uint32_t t2 = ack.rebinding_seconds.value_or(whole - whole / 8);
  if (t1 == 0 || t1 >= t2 || t2 >= whole) {
    t1 = whole / 2;
    t2 = whole - whole / 8;
  }
  lease.duration = std::chrono::seconds(whole);
  lease.renewal = std::chrono::seconds(t1);
  lease.rebinding = std::chrono::seconds(t2);
  return lease;
}

}  // namespace

// SplitMix64: well spread, and the same everywhere for the same seed.
std::uint64_t DhcpMachine::random() {
  std::uint64_t z = random_ += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

// 1, 2, 4, 8, 8, … s, each ±25 %, so that a rack that was switched on at once does not ask in step.
Time DhcpMachine::backoff() {
  const Time wait = std::min(first_wait * (1 << std::min(attempt_, 6u)), longest_wait);
  return wait * 3 / 4 + Time(static_cast<Time::rep>(random() % static_cast<std::uint64_t>(wait.count() / 2)));
}

dhcp::Question DhcpMachine::question(dhcp::Type type, Time now) const {
  dhcp::Question question;
  question.type = type;
  question.xid = xid_;
  question.mac = mac_;
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now - began_).count();
  question.seconds = static_cast<std::uint16_t>(std::min<std::int64_t>(seconds, 0xffff));
  return question;
}

DhcpActions DhcpMachine::begin(Time now) {
  DhcpActions actions;
  if (lease_) return actions;
  select(now, actions);
  return actions;
}

void DhcpMachine::select(Time now, DhcpActions& actions) {
  state_ = State::selecting;
  began_ = now;
  attempt_ = 0;
  offers_.clear();
  nameless_.clear();
  named_ = true;
  xid_ = static_cast<std::uint32_t>(random());
  send_discover(now, actions);
}

void DhcpMachine::send_discover(Time now, DhcpActions& actions) {
  dhcp::Question discover = question(dhcp::Type::discover, now);
  // Some servers and relays cannot send to an address that is not in use yet.
  discover.broadcast = attempt_ % 2 == 1;
  DhcpSend send;
  send.message = dhcp::build(discover);
  actions.send.push_back(std::move(send));
  if (attempt_ > 1) {
    actions.notes.push_back("no DHCP server has answered for " + std::to_string(discover.seconds) + " s, asking again");
  }
  deadline_ = now + backoff();
  if (!nameless_.empty()) deadline_ = std::min(deadline_, patience_end_);
  ++attempt_;
}

void DhcpMachine::send_request(Time now, DhcpActions& actions) {
  dhcp::Question request = question(dhcp::Type::request, now);
  request.broadcast = attempt_ % 2 == 1;
  request.requested_address = offers_.front().address;
  request.server = offers_.front().server;
  DhcpSend send;
  send.message = dhcp::build(request);
  actions.send.push_back(std::move(send));
  deadline_ = now + backoff();
  ++attempt_;
}

// RENEWING asks the server that gave the lease, REBINDING everyone; the next question comes half-way to the limit.
void DhcpMachine::extend(Time now, DhcpActions& actions) {
  const bool rebinding = state_ == State::rebinding;
  dhcp::Question request = question(dhcp::Type::request, now);
  request.client_address = lease_->address;
  DhcpSend send;
  const bool to_all = rebinding || lease_->server.is_unspecified();
  send.way = to_all ? DhcpSend::Way::broadcast : DhcpSend::Way::unicast;
  send.server = lease_->server;
  send.message = dhcp::build(request);
  actions.send.push_back(std::move(send));
  const Time limit = leased_at_ + (rebinding ? *lease_->duration : lease_->rebinding);
  deadline_ = std::min(limit, now + std::max<Time>(shortest_renewal_wait, (limit - now) / 2));
}

DhcpActions DhcpMachine::due(Time now) {
  DhcpActions actions;
  if (now < deadline_) return actions;
  switch (state_) {
    case State::selecting:
      if (!nameless_.empty() && now >= patience_end_) {
        request_next_offer(now, actions);
      } else {
        send_discover(now, actions);
      }
      break;
    case State::requesting:
      if (attempt_ < request_attempts) {
        send_request(now, actions);
      } else {
        actions.notes.push_back(text_of(offers_.front().server) + " offered an address and does not confirm it");
        request_next_offer(now, actions);
      }
      break;
    case State::bound:
      state_ = State::renewing;
      began_ = now;
      xid_ = static_cast<std::uint32_t>(random());
      extend(now, actions);
      break;
    case State::renewing:
      if (now >= leased_at_ + lease_->rebinding) state_ = State::rebinding;
      extend(now, actions);
      break;
    case State::rebinding:
      if (now < leased_at_ + *lease_->duration) {
        extend(now, actions);
      } else {
        // Nobody said that the address is another's. Giving it up would end a clone for want of a DHCP server.
        actions.notes.push_back("the lease of " + lease_->address.to_string() +
                                " ran out and no DHCP server answers; the address is kept, asking on");
        leased_at_ = now - lease_->rebinding;
        extend(now, actions);
      }
      break;
  }
  return actions;
}

void DhcpMachine::request_next_offer(Time now, DhcpActions& actions) {
  if (!offers_.empty()) offers_.erase(offers_.begin());
  if (offers_.empty() && !nameless_.empty()) {
    offers_.swap(nameless_);
    named_ = false;
  }
  if (offers_.empty()) return select(now, actions);
  request_first_offer(now, actions);
}

void DhcpMachine::request_first_offer(Time now, DhcpActions& actions) {
  state_ = State::requesting;
  attempt_ = 0;
  send_request(now, actions);
}

DhcpActions DhcpMachine::received(Time now, std::span<const std::uint8_t> message, address_v4 from) {
  DhcpActions actions;
  std::string why;
  auto answer = dhcp::parse(message, why);
  if (!answer) {
    // Only of messages to this machine, or a busy network would fill the log.
    if (message.size() >= 34 && std::equal(mac_.octets.begin(), mac_.octets.end(), message.begin() + 28)) {
      actions.notes.push_back("a DHCP message is passed over: " + why);
    }
    return actions;
  }
  if (answer->xid != xid_ || answer->mac != mac_) return actions;
  switch (answer->type) {
    case dhcp::Type::offer: take_offer(now, *std::move(answer), from, actions); break;
    case dhcp::Type::ack: take_ack(now, *answer, actions); break;
    default: take_nak(now, *answer, actions); break;
  }
  return actions;
}

void DhcpMachine::take_offer(Time now, dhcp::Answer offer, address_v4 from, DhcpActions& actions) {
  if (state_ != State::selecting && state_ != State::requesting) return;
  if (!usable(offer.address)) return;  // also proxyDHCP, which offers boot files and no address
  if (!offer.server) return take_nameless(now, std::move(offer), from, actions);
  if (!named_) return;  // too late: one without a name is being asked
  const bool known = std::any_of(offers_.begin(), offers_.end(),
                                 [&offer](const dhcp::Answer& other) { return other.server == offer.server; });
  if (known || offers_.size() == most_offers) return;
  offers_.push_back(std::move(offer));
  if (state_ == State::requesting) return;  // kept, in case that the first does not confirm
  request_first_offer(now, actions);
}

// RFC 2131 has every server name itself (option 54), and some do not.
void DhcpMachine::take_nameless(Time now, dhcp::Answer offer, address_v4 from, DhcpActions& actions) {
  offer.server = likely_server(offer, from);
  auto same = [&offer](const dhcp::Answer& other) { return other.server == offer.server; };
  if (!named_ || std::any_of(nameless_.begin(), nameless_.end(), same) || nameless_.size() == most_offers) return;
  actions.notes.push_back("the offer of " + offer.address.to_string() +
                          " is without a server identifier (option 54), " + text_of(offer.server) +
                          " is thought to have made it; taken if there is no other");
  if (nameless_.empty()) patience_end_ = now + patience;
  nameless_.push_back(std::move(offer));
  if (state_ == State::selecting) deadline_ = std::min(deadline_, patience_end_);
}

// Whether the server that is asked, or gave the lease, said this.
bool DhcpMachine::is_of(const dhcp::Answer& answer, const std::optional<address_v4>& server) const {
  return answer.server == server || (!named_ && !answer.server);
}

void DhcpMachine::note_refused(const dhcp::Answer& ack, DhcpActions& actions) {
  if (ack.refused == refused_) return;  // said before; not at every renewal again
  refused_ = ack.refused;
  actions.notes.insert(actions.notes.end(), refused_.begin(), refused_.end());
}

void DhcpMachine::take_ack(Time now, const dhcp::Answer& ack, DhcpActions& actions) {
  const bool from_chosen = (state_ == State::requesting && is_of(ack, offers_.front().server)) ||
                           (state_ == State::renewing && is_of(ack, lease_->server)) ||
                           (state_ == State::rebinding && (ack.server || !named_));
  if (!from_chosen) return;
  if (!usable(ack.address)) {
    actions.notes.push_back("an ACK without a usable address is passed over");
    return;
  }
  if (!ack.prefix) {
    actions.notes.push_back("the DHCP server sent no netmask; /" + std::to_string(classful_prefix(ack.address)) +
                            " is taken, as the address's class has it");
  }
  note_refused(ack, actions);
  const address_v4 guessed =
      state_ == State::requesting ? offers_.front().server.value_or(address_v4()) : lease_->server;
  lease_ = lease_of(ack);
  if (ack.server) {
    named_ = true;
  } else {
    lease_->server = guessed;
  }
  state_ = State::bound;
  refusals_ = 0;
  leased_at_ = now;
  offers_.clear();
  nameless_.clear();
  deadline_ = lease_->duration ? now + lease_->renewal : Time::max();
  actions.bound = lease_;
}

void DhcpMachine::take_nak(Time now, const dhcp::Answer& nak, DhcpActions& actions) {
  const std::string said = nak.message.empty() ? "" : ": " + nak.message;
  if (state_ == State::requesting && is_of(nak, offers_.front().server)) {
    actions.notes.push_back(text_of(nak.server) + " took its offer back" + said);
    if (offers_.size() > 1 || !nameless_.empty()) return request_next_offer(now, actions);
    // Not at once: a server that offers and refuses by turns would keep both busy.
    state_ = State::selecting;
    offers_.clear();
    named_ = true;
    xid_ = static_cast<std::uint32_t>(random());
    attempt_ = std::min(refusals_++, 3u);
    deadline_ = now + backoff();
  } else if ((state_ == State::renewing || state_ == State::rebinding) && is_of(nak, lease_->server)) {
    actions.notes.push_back(text_of(nak.server) + " took " + lease_->address.to_string() + " back" + said);
    actions.lost = true;
    lease_.reset();
    select(now, actions);
  }
}

}  // namespace ka::agent
