// Rounds, their sessions and streams, releases: what is due. See wire/job_machine.h.

#include <algorithm>
#include <utility>

#include "wire/job_machine.h"

namespace ka::wire {

using namespace std::chrono_literals;

namespace {

constexpr Time settle = 2s;  // a later round waits this long for one more to join

// Enough for what is under way between the first node and the last of a long chain, so that it never runs dry.
constexpr std::uint64_t window_base = 32u << 20;
constexpr std::uint64_t window_per_member = 256u << 10;
// In a chain each member holds at least the chunk that it passes on, and positions are told after an eighth of the
// window.
constexpr std::uint64_t least_ring_base = 8u << 20;

}  // namespace

std::uint64_t least_ring(const JobRules& rules) {
  const std::uint64_t of_the_chain = std::max(least_ring_base, std::uint64_t{rules.chunk} * rules.nodes);
  std::uint64_t wanted = rules.window != 0 ? rules.window : default_window(rules.nodes);
  if (rules.memory != 0) wanted = std::min(wanted, rules.memory);
  return std::max(std::min(of_the_chain, wanted), least_chunks_in_window * rules.chunk);
}

std::uint64_t default_window(std::size_t members) { return window_base + window_per_member * members; }

void JobMachine::release_due(Time now) {
  for (;;) {
    auto next = nodes_.end();
    for (auto node = nodes_.begin(); node != nodes_.end(); ++node) {
      if (node->second.phase != Phase::done || node->second.released) continue;
      if (next == nodes_.end() || node->second.done_at < next->second.done_at) next = node;
    }
    if (next == nodes_.end() || now - last_release_ < rules_.release_delay) return;
    next->second.released = true;
    last_release_ = now;
    output_.send(next->first, Release{});
  }
}

// Whatever happened: what is due now? Each step may make the next one due.
void JobMachine::advance(Time now) {
  if (finished_) return;
  release_due(now);
  check_stream();
  ask_operator();
  while (in_round_ && !chain_) {
    bool members = std::any_of(nodes_.begin(), nodes_.end(), [](const auto& n) { return is_member(n.second); });
    if (!members) {
      end_round(now);
    } else if (!start_next_session(now)) {
      return;
    }
  }
  if (!in_round_ && round_is_due(now)) {
    start_round();
    advance(now);
  }
  if (in_round_ || finished_) return;
  bool served = round_ > 0 && waiting() == 0;
  bool unreleased = std::any_of(nodes_.begin(), nodes_.end(),
                                [](const auto& n) { return n.second.phase == Phase::done && !n.second.released; });
  bool returning =
      std::any_of(nodes_.begin(), nodes_.end(),
                  [](const auto& n) { return n.second.phase == Phase::out || n.second.phase == Phase::idle; }) &&
      now - round_ended_ < settle;
  if (!served || unreleased || returning) return;
  // Without a word of the operator's, a clone is patient and a single session is not.
  const bool patient = rules_.linger ? now - round_ended_ < *rules_.linger : rules_.clone;
  if (missing() == 0 || !patient || (!rules_.clone && source_failed_)) finished_ = true;
}

bool JobMachine::round_is_due(Time now) const {
  unsigned there = waiting();
  if (there == 0) return false;
  if (there >= std::max(1u, missing()) || go_) return true;
  if (rules_.start_after && first_wait_ && now - *first_wait_ >= *rules_.start_after) return true;
  return round_ > 0 && now - last_wait_ >= settle;
}

void JobMachine::start_round() {
  ++round_;
  in_round_ = true;
  go_ = false;
  source_failed_ = false;
  first_wait_.reset();
  for (auto& [id, node] : nodes_) {
    if (node.phase != Phase::waiting) continue;
    row(node).round = round_;
    row(node).reason.clear();
    row(node).received = row(node).sunk = 0;
    node.may_write = false;
    set(node, Phase::joined, NodeRow::State::running, row(node).stage);
  }
}

void JobMachine::end_round(Time now) {
  in_round_ = false;
  round_ended_ = now;
}

// The first session that some member still needs, once all who need it have joined it.
bool JobMachine::start_next_session(Time now) {
  std::size_t next = rules_.sessions.size();
  for (const auto& [id, node] : nodes_) {
    if (is_member(node)) next = std::min(next, node.session);
  }
  if (next == rules_.sessions.size()) return false;
  for (const auto& [id, node] : nodes_) {
    if (is_member(node) && node.session == next && node.phase != Phase::joined) return false;
  }
  start_session(next, now);
  return true;
}

void JobMachine::start_session(std::size_t session, Time now) {
  std::vector<ChainMember> members;
  std::uint64_t window = 0, least_ring = 0;
  for (const auto& [id, node] : nodes_) {
    if (node.phase != Phase::joined || node.session != session) continue;
    members.push_back({id, node.data});
    least_ring = least_ring == 0 ? node.ring : std::min(least_ring, node.ring);
  }
  // Neighbours in the address space usually share a switch, unless the operator knows better.
  auto place = [this](const ChainMember& member) {
    return std::pair(rules_.racks.of(member.at.address, nodes_.at(member.id).hardware_address), member.at);
  };
  auto before = [&](const ChainMember& a, const ChainMember& b) { return place(a) < place(b); };
  std::sort(members.begin(), members.end(), before);

  window = rules_.window != 0 ? rules_.window : default_window(members.size());
  if (rules_.memory != 0) window = std::min(window, rules_.memory);
  window = std::max(std::min(window, least_ring), least_chunks_in_window * rules_.chunk);

  session_ = session;
  std::uint64_t stream = output_.random();
  const JobRules::Session& what = rules_.sessions[session];
  const bool all_unpack = std::all_of(members.begin(), members.end(), [this](const ChainMember& member) {
    return (nodes_.at(member.id).features & feature_zstd) != 0;
  });
  packing_ = all_unpack ? what.packing : "";
  std::optional<StreamKeys> keys = output_.stream_keys();
  Start start{stream, what.name, round_, window, rules_.chunk, packing_, "", ""};
  if (keys) {
    const SealKey& key = keys->signer.key();
    start.seal.assign(key.begin(), key.end());
    start.cipher = keys->cipher.text();
  }
  for (const ChainMember& member : members) {
    Node& node = nodes_.at(member.id);
    node.last_received = node.sunk = 0;
    node.last_position = node.sink_moved = now;
    node.heard = now;
    row(node).received = row(node).sunk = 0;
    set(node, Phase::streaming, NodeRow::State::running, what.name);
    output_.send(member.id, start);
  }
  unsigned count = static_cast<unsigned>(members.size());
  over_ = false;
  at_work_ = static_cast<unsigned>(members.size());
  finished_members_ = 0;
  newly_finished_ = false;
  order_seen_ = ~0u;
  ChainOutput& decisions = *this;
  wipe(start.cipher);
  chain_ = std::make_unique<Chain>(stream, window, rules_.chunk, rules_.data_port, std::move(members), std::move(keys),
                                   decisions, now);
  renew_order();
  output_.stream_started(session, round_, count);
}

// The stream.

void JobMachine::link(NodeId id, const Link& link) {
  output_.send(id, link);
  auto found = nodes_.find(id);
  if (found == nodes_.end()) return;
  Node& node = found->second;
  // While the chain is made there is none yet, and its first links heal nothing.
  const bool healed = chain_ && !(node.upstream == link.upstream);
  node.upstream = link.upstream;
  if (healed) output_.healed(row(node), row_at(link.upstream));
}

// Who serves the next one there; nullptr: the server.
const NodeRow* JobMachine::row_at(const Endpoint& data) const {
  for (const auto& [id, node] : nodes_)
    if (node.row && node.data == data) return &rows_[*node.row];
  return nullptr;
}

void JobMachine::source_ended(Time now) {
  now_ = now;
  if (!chain_) return;
  chain_->end();
  output_.stream_moved();
  advance(now);
}

void JobMachine::source_failed(const std::string& why, Time now) {
  now_ = now;
  if (!chain_) return;
  source_failed_ = true;
  fail_stream("the source failed: " + why, now);
  advance(now);
}

void JobMachine::fail_stream(const std::string& why, Time now) {
  std::uint64_t stream = chain_->stream();
  chain_.reset();
  output_.stream_ended(false);
  confirm_finished();
  for (auto& [id, node] : nodes_) {
    if (node.phase != Phase::streaming) continue;
    output_.send(id, StreamFailed{stream, why});
    leave(id, node, NodeRow::State::failed, with_disks(node, why), now);
  }
}

// Called after every message: what takes a look at all nodes waits until there is a reason.
void JobMachine::check_stream() {
  if (!chain_) return;
  const bool moved = renew_order(), over = chain_->all_received();
  if (moved || over != over_ || std::exchange(newly_finished_, false)) {
    over_ = over;
    confirm_finished();
  }
  // Members whose sinks are still at work say Finished later; the chain is kept until they have.
  if (at_work_ > 0) {
    output_.stream_moved();
    return;
  }
  chain_.reset();
  confirm_finished();
  for (auto& [id, node] : nodes_) {
    if (node.row) row(node).order = 0;
  }
  output_.stream_ended(finished_members_ > 0);
}

// The last word on a session: its digest was right, and nobody needs this node's copy (any more).
void JobMachine::confirm_finished() {
  for (auto& [id, node] : nodes_) {
    if (!node.owed || streams(id)) continue;
    output_.send(id, Over{*node.owed});
    node.owed.reset();
  }
}

bool JobMachine::renew_order() {
  if (order_seen_ == chain_->order_changes()) return false;
  order_seen_ = chain_->order_changes();
  unsigned place = 0;
  for (auto& [id, node] : nodes_) {
    if (node.row) row(node).order = 0;
  }
  for (NodeId id : chain_->order()) {
    ++place;
    if (auto found = nodes_.find(id); found != nodes_.end()) row(found->second).order = place;
  }
  return true;
}

void JobMachine::go(Time now) {
  now_ = now;
  go_ = true;
  advance(now);
}

void JobMachine::stop(Time now) {
  now_ = now;
  if (finished_) return;
  const std::string why = "the operator ended the job";
  if (chain_) fail_stream(why, now);
  rules_.release_delay = Time{0};
  release_due(now);
  std::vector<NodeId> rest;
  for (const auto& [id, node] : nodes_) {
    if (node.phase != Phase::done) rest.push_back(id);
  }
  for (NodeId id : rest) refuse(id, why);
  in_round_ = false;
  finished_ = true;
}

}  // namespace ka::wire
