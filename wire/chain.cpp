#include "wire/chain.h"

#include <algorithm>
#include <utility>

namespace ka::wire {

namespace {

constexpr NodeId server_id = 0;
// A lost upstream is tried again at once, then after this long: if it has died, the server hears of it in between.
constexpr Time relink_delay = std::chrono::milliseconds(200);
constexpr unsigned tries_per_upstream = 3;

}  // namespace

Chain::Chain(std::uint64_t stream, std::uint64_t window, std::uint32_t chunk, std::uint16_t server_port,
             std::vector<ChainMember> members, std::optional<StreamKeys> keys, ChainOutput& output, Time now)
    : stream_(stream),
      window_(window),
      ahead_(window),
      chunk_(chunk),
      server_port_(server_port),
      output_(output),
      began_(now),
      paced_at_(now) {
  if (keys) {
    sealer_.emplace(stream_, std::move(keys->signer));
    cipher_ = std::move(keys->cipher);
  }
  for (const ChainMember& member : members) {
    members_.emplace_back();
    members_.back().self = member;
  }
  for (auto member = members_.begin(); member != members_.end(); ++member) link(member);
}

bool Chain::may_read() const {
  if (end_ || members_.empty()) return false;
  return ring_.end() + chunk_ <= std::min(floor_ + window_, members_.front().at.received + ahead_);
}

void Chain::add(std::shared_ptr<Chunk> chunk) {
  chunk->header.kind = ChunkHeader::Kind::data;
  chunk->header.last = false;
  chunk->header.offset = ring_.end();
  if (!sealer_) {
    chunk->header.digest = chunk_digest(chunk->header, chunk->bytes());
    digest_.add(chunk->header);
    ring_.push(std::move(chunk));
    return;
  }
  if (!cipher_.empty()) scramble(cipher_, chunk->header.offset, chunk->bytes(), chunk->room.get());
  sealer_->add(*chunk);
  ring_.push(std::move(chunk));
  if (ring_.end() + chunk_ > sealer_->begin() + run_limit()) seal(false);
}

// Small beside the window: what is not proved is told by no member, and used by no sink.
std::uint64_t Chain::run_limit() const {
  if (!sealer_) return 0;
  return std::clamp<std::uint64_t>(std::min(window_, ahead_) / 16, chunk_, longest_run);
}

void Chain::seal(bool last) { ring_.push_seal(sealer_->seal(ring_.end(), last, digest_)); }

void Chain::end() {
  if (sealer_) seal(true);
  end_.emplace();
  end_->kind = ChunkHeader::Kind::end;
  end_->offset = ring_.end();
  end_->digest = digest_.value();
}

void Chain::position(NodeId node, const Position& position, Time) {
  auto member = find(node);
  if (member == members_.end() || position.stream != stream_) return;
  const Position& last = member->at;
  const bool goes_back =
      position.received < last.received || position.sunk < last.sunk || (last.whole && !position.whole);
  const bool at_end = end_ && position.received == end_->offset;
  if (goes_back || position.received > ring_.end() || position.sunk > position.received ||
      (position.whole && !at_end)) {
    output_.put_out(node, "it reported a position that cannot be");
    return;
  }
  bool was_last = last.received == floor_;
  member->at = position;
  if (was_last) find_floor();
}

void Chain::upstream_lost(NodeId node, const UpstreamLost& lost, Time now) {
  auto member = find(node);
  if (member == members_.end() || lost.stream != stream_ || lost.epoch != member->epoch ||
      lost.epoch == member->lost_epoch || received_all(*member))
    return;
  member->lost_epoch = lost.epoch;
  const std::uint64_t held = std::max(member->at.received, std::min(lost.held, ring_.end()));
  const bool progress = held > member->lost_at || member->losses == 0;
  member->lost_at = std::max(held, member->lost_at);
  member->losses = progress ? 1 : member->losses + 1;
  if (lost.forged || member->losses > tries_per_upstream) {
    give_up_upstream(member, lost.why, now);
  } else if (member->losses == 1) {
    link(member);
  } else {
    member->relink_at = now + relink_delay;
  }
}

// The upstream lives, but does not serve this member.
void Chain::give_up_upstream(Members::iterator member, const std::string& why, Time) {
  member->losses = 0;
  const bool accused_before = std::exchange(member->gave_one_up, true);
  if (upstream_of(member) == server_id || (accused_before && member->bad_sender)) {
    output_.put_out(member->self.id, "it cannot get its data: " + why);
  } else if (accused_before) {
    move_to_head(member);
  } else if ((member - 1)->bad_sender) {
    output_.put_out((member - 1)->self.id, "others cannot get their data from it: " + why);
  } else {
    (member - 1)->bad_sender = true;
    move_to_tail(member - 1);
  }
}

// Where nothing but the server can be to blame for what it gets.
void Chain::move_to_head(Members::iterator member) {
  ++order_changes_;
  Member moved = *member;
  auto next = members_.erase(member);
  if (next != members_.end()) link(next);
  members_.insert(members_.begin(), std::move(moved));
  link(members_.begin());
  link(members_.begin() + 1);
}

// To the last place: behind all others, or in front of those from which somebody could get no data.
void Chain::move_to_tail(Members::iterator member) {
  ++order_changes_;
  Member moved = *member;
  auto next = members_.erase(member);
  if (next != members_.end()) link(next);
  auto place = members_.end();
  while (!moved.bad_sender && place != members_.begin() && (place - 1)->bad_sender) --place;
  place = members_.insert(place, std::move(moved));
  link(place);
  if (++place != members_.end()) link(place);
}

void Chain::remove(NodeId node, Time) {
  auto member = find(node);
  if (member == members_.end()) return;
  ++order_changes_;
  auto next = members_.erase(member);
  if (next != members_.end()) link(next);
  find_floor();
}

// What has come of a slow source is used at once, too.
void Chain::tick(Time now) {
  if (sealer_ && sealer_->has_open_run() && !end_) seal(false);
  for (auto member = members_.begin(); member != members_.end(); ++member) {
    if (member->relink_at && *member->relink_at <= now) link(member);
  }
  watch_pace(now);
}

// What was measured over such a time says nothing. What members told in it is read next, and would look as if it had
// come in no time.
void Chain::forgive(Time missed) {
  constexpr Time until_read = std::chrono::milliseconds(300);
  began_ += missed;
  paced_at_ += missed + until_read;
  for (Member& member : members_) {
    member.pace = Pace();
    member.holds_up_since.reset();
    if (member.moved_at) *member.moved_at += missed;
  }
}

bool Chain::all_received() const {
  return end_ && std::all_of(members_.begin(), members_.end(), [this](const Member& m) { return received_all(m); });
}

unsigned Chain::order_of(NodeId node) const {
  for (std::size_t i = 0; i < members_.size(); ++i) {
    if (members_[i].self.id == node) return static_cast<unsigned>(i + 1);
  }
  return 0;
}

std::vector<NodeId> Chain::order() const {
  std::vector<NodeId> ids;
  for (const Member& member : members_) ids.push_back(member.self.id);
  return ids;
}

void Chain::find_floor() {
  floor_ = ring_.end();
  for (const Member& member : members_) floor_ = std::min(floor_, member.at.received);
  ring_.drop_before(floor_);
}

Chain::Members::iterator Chain::find(NodeId node) {
  return std::find_if(members_.begin(), members_.end(), [node](const Member& m) { return m.self.id == node; });
}

NodeId Chain::upstream_of(Members::const_iterator member) const {
  return member == members_.begin() ? server_id : (member - 1)->self.id;
}

void Chain::link(Members::iterator member) {
  member->relink_at.reset();
  member->pace = Pace();  // what it could not receive from the last one says nothing about its own line
  if (received_all(*member)) return;
  member->epoch = ++epoch_;
  Endpoint upstream{0, server_port_};
  if (member != members_.begin()) upstream = (member - 1)->self.at;
  output_.link(member->self.id, {stream_, member->epoch, upstream});
}

}  // namespace ka::wire
