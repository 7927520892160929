// Which member is slow, as opposed to all of them, and what is done about it. See wire/chain.h.

#include <algorithm>

#include "wire/chain.h"

namespace ka::wire {

using namespace std::chrono_literals;

namespace {

constexpr Time watch_every = 100ms;
constexpr Time patience_before_moving = 300ms;
constexpr Time patience_before_trying = 1s;
constexpr Time between_moves = 5s;    // of one member
constexpr double latest_share = 0.1;  // of what was seen last in what was seen lately
constexpr Time least_wait = 1s;       // before a member is put out, the others have lost this much, …
constexpr int wait_share = 20;        // … and this share (1/20) of the time since the stream began
constexpr double much_faster = 2;
constexpr double often_idle = 0.7;  // the link to the second member, below this share of the time at work
constexpr unsigned slow_receivers_of_a_bad_sender = 2;

}  // namespace

void Chain::watch_pace(Time now) {
  const Time since_last = now - paced_at_;
  if (since_last < watch_every) return;
  paced_at_ = now;
  full_share_ += ((!end_ && !may_read()) - full_share_) * latest_share;
  for (Member& member : members_) {
    member.pace.add(now, member.at);
    best_rate_ = std::max(best_rate_, member.pace.receive_rate());
  }
  if (members_.size() < 2) return;
  move_aside_who_holds_up(now);
  put_out_whom_the_source_waits_for(now, since_last);
}

// How far its upstream could have brought it.
std::uint64_t Chain::available_to(Members::const_iterator member) const {
  return member == members_.begin() ? ring_.end() : (member - 1)->at.received;
}

// It reads no more, because its sink is behind by all that it may hold.
bool Chain::sink_is_full(const Member& member) const {
  return member.at.received - member.at.sunk + 2 * chunk_ + run_limit() > window_;
}

// Much lies ready for it and it comes far slower than others got theirs. The first member is special: the window at
// the server is always full when the line is the limit, and when its line is slow from the start, no other line was
// ever seen at work. So if the line behind it is often idle, it is tried once in a stream how the second one fares in
// its place. Where all lines are alike the one behind it has as much to do, and a try would only cost time.
bool Chain::inbound_is_behind(Members::const_iterator member) const {
  const std::uint64_t available = available_to(member);
  const bool behind = available > member->at.received + window_ / 4 && !sink_is_full(*member);
  const bool untried = member == members_.begin() && !first_tried_ && member->pace.relay_share() < often_idle;
  return behind && member->pace.known() && (untried || much_faster * member->pace.receive_rate() < best_rate_);
}

// Has used nearly all it has, and more is on its way.
bool Chain::is_starving(Members::const_iterator member) const {
  return !received_all(*member) && member->at.received - member->at.sunk < window_ / 16;
}

// The end of the chain is a place where nobody has to wait for it. No harm is done if it did not deserve it.
void Chain::move_aside_who_holds_up(Time now) {
  for (auto member = members_.begin(); member + 1 < members_.end(); ++member) {
    const bool by_sink = sink_is_full(*member) && is_starving(member + 1);
    const bool by_link = !by_sink && inbound_is_behind(member);
    if (!by_sink && !by_link) {
      member->holds_up_since.reset();
      continue;
    }
    if (!member->holds_up_since) member->holds_up_since = now;
    const bool lately = member->moved_at && now - *member->moved_at < between_moves;
    const bool first_is_tried = by_link && member == members_.begin() && !first_tried_;
    const Time patience = first_is_tried ? patience_before_trying : patience_before_moving;
    if (lately || now - *member->holds_up_since < patience) continue;
    if (first_is_tried) first_tried_ = true;
    // A link has two ends. One that several members in turn were slow to receive from is itself the slow one.
    auto culprit = member;
    if (by_link && member != members_.begin()) {
      auto sender = member - 1;
      sender->slow_receivers.insert(member->self.id);
      if (sender->slow_receivers.size() >= slow_receivers_of_a_bad_sender) {
        sender->slow_receivers.clear();
        culprit = sender;
      }
    }
    culprit->holds_up_since.reset();
    culprit->moved_at = now;
    move_to_tail(culprit);
    return;  // one at a time: its neighbours' figures were made by it
  }
}

void Chain::put_out_whom_the_source_waits_for(Time now, Time since_last) {
  const Time limit = std::max(least_wait, (now - began_) / wait_share);
  for (auto member = members_.begin(); member != members_.end(); ++member) {
    const bool to_blame = sink_is_full(*member) || inbound_is_behind(member);
    if (source_waits() && is_at_floor(*member) && to_blame && others_are_faster(*member)) {
      member->waited_for += since_last;
    } else {
      member->waited_for = std::max(Time{0}, member->waited_for - since_last / 2);
    }
    if (member->waited_for < limit) continue;
    const auto rate = static_cast<std::uint64_t>(member->pace.receive_rate()) >> 10;
    const auto best = static_cast<std::uint64_t>(best_rate_) >> 10;
    output_.put_out(member->self.id, std::string(sink_is_full(*member) ? "its sink" : "its network link") +
                                         " is too slow: " + std::to_string(rate) + " KiB/s, the others went at " +
                                         std::to_string(best) + " KiB/s");
    return;
  }
}

// What was sent piles up in front of whatever is the slowest: in the source, before a line, or before a sink.
Limit Chain::limit() const {
  if (members_.empty() || (!end_ && full_share_ < 0.5)) return {};
  Limit sink, line;
  std::uint64_t most_unsunk = 0, most_ahead = 0;
  for (auto member = members_.begin(); member != members_.end(); ++member) {
    const std::uint64_t unsunk = member->at.received - member->at.sunk;
    const bool holds_up = all_received() || (sink_is_full(*member) && is_at_floor(*member));
    if (holds_up && unsunk >= most_unsunk) {
      most_unsunk = unsunk;
      sink = {Limit::Kind::sink, member->self.id};
    }
    const std::uint64_t available = std::max(available_to(member), member->at.received);
    if (member == members_.begin() || available - member->at.received > most_ahead) {
      most_ahead = available - member->at.received;
      line = {Limit::Kind::line, member->self.id};
    }
  }
  return sink.node != 0 ? sink : line;
}

bool Chain::others_are_faster(const Member& slow) const {
  if (!slow.pace.known() || best_rate_ < much_faster * slow.pace.receive_rate()) return false;
  auto is_faster = [&](const Member& other) {
    return &other != &slow && other.pace.sink_ability() > much_faster * slow.pace.receive_rate();
  };
  const auto faster = static_cast<std::size_t>(std::count_if(members_.begin(), members_.end(), is_faster));
  return 2 * faster >= members_.size() - 1;
}

}  // namespace ka::wire
