#include "wire/job_machine.h"

#include <algorithm>

namespace ka::wire {

using namespace std::chrono_literals;

namespace {

constexpr Time greeting_limit = 10s;  // from connecting to Hello
constexpr Time ping_every = 250ms;
constexpr Time silent_in_stream = 1500ms;  // others wait for a member that says nothing; more where answers are slow
constexpr Time silent_elsewhere = 15s;     // nobody does
constexpr int answers_missing = 4;         // times the slowest answer lately
constexpr Time settle = 2s;                // a later round waits this long for one more to join

// Enough for what is under way between the first node and the last of a long chain, so that it never runs dry.
constexpr std::uint64_t window_base = 32u << 20;
constexpr std::uint64_t window_per_member = 256u << 10;

template <typename... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};
template <typename... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;  // clang 14 does not find it by itself

}  // namespace

std::uint64_t default_window(std::size_t members) { return window_base + window_per_member * members; }

JobMachine::JobMachine(JobRules rules, JobOutput& output) : rules_(std::move(rules)), output_(output) {}

// Connections.

void JobMachine::connected(NodeId id, Endpoint from, Time now) {
  now_ = now;
  Node node;
  node.from = from;
  node.heard = now;
  nodes_.emplace(id, node);
}

void JobMachine::disconnected(NodeId id, const std::string& why, Time now) {
  now_ = now;
  auto found = nodes_.find(id);
  if (found == nodes_.end()) return;
  Node& node = found->second;
  if (node.phase == Phase::done) {
    if (chain_) chain_->remove(id, now);  // the others may still have needed it
  } else if (node.phase != Phase::greeting) {
    // Of one that is out already, the first reason is the one that counts.
    if (node.phase != Phase::out) leave(id, node, NodeRow::State::failed, "connection lost: " + why, now);
  }
  nodes_.erase(id);
  advance(now);
}

void JobMachine::refuse(NodeId id, const std::string& reason) {
  output_.send(id, Refused{reason});
  output_.close(id);
  auto found = nodes_.find(id);
  if (found == nodes_.end()) return;
  // One that is known has a row, and its failure is told.
  if (found->second.phase == Phase::greeting)
    output_.event(found->second.from.address_text() + " is refused: " + reason);
  else
    leave(id, found->second, NodeRow::State::failed, reason, now_);
  nodes_.erase(id);
}

void JobMachine::message(NodeId id, const Message& message, Time now) {
  now_ = now;
  auto found = nodes_.find(id);
  if (found == nodes_.end()) return;
  Node& node = found->second;
  node.heard = now;
  if (node.phase == Phase::greeting) {
    if (const Hello* said = std::get_if<Hello>(&message)) {
      hello(id, node, *said);
    } else {
      refuse(id, "the first message was not a hello");
    }
    return;
  }
  auto handle = Overloaded{
      [&](const Join& m) { join(id, node, m, now); },
      [&](const Position& m) { position(id, node, m, now); },
      [&](const UpstreamLost& m) {
        if (node.phase != Phase::streaming || !chain_) return;
        output_.event(name(node) + " lost its upstream: " + m.why);
        chain_->upstream_lost(id, m, now);
      },
      [&](const Finished& m) { member_finished(id, node, m); },
      [&](const Failed& m) {
        output_.send(id, Heard{});
        leave(id, node, NodeRow::State::failed, m.reason, now);
      },
      [&](const Stage& m) {
        row(node).stage = m.text;
        output_.changed(row(node));
      },
      [&](const Done&) {
        if (node.phase != Phase::finishing && !(node.phase == Phase::between && node.session == rules_.sessions.size()))
          return;
        set(node, Phase::done, NodeRow::State::done, "");
        node.done_at = now;
      },
      [&](const Pong& m) { answered(Time(static_cast<Time::rep>(m.token)), now); },
      [&](const Go&) { go_ = true; },
      [&](const auto&) { refuse(id, "it sent a message that only a server sends"); },
  };
  std::visit(handle, message);
  advance(now);
}

void JobMachine::hello(NodeId id, Node& node, const Hello& hello) {
  if (hello.version != protocol_version) {
    refuse(id, "it speaks version " + std::to_string(hello.version) + " of the protocol, this server version " +
                   std::to_string(protocol_version) + ": use the programs of one release on both sides");
    return;
  }
  if (hello.ring < least_chunks_in_window * rules_.chunk) {
    refuse(id, "it offers " + std::to_string(hello.ring) + " bytes of memory for the stream, too little to take part");
    return;
  }
  node.clones = hello.clones;
  node.ring = hello.ring;
  node.features = hello.features;
  node.data = {node.from.address, hello.data_port};
  node.row = row_for(node, hello);
  if (node.clones && row(node).state == NodeRow::State::done) {
    refuse(id, "this machine is cloned already: let it boot from its own disk");
    return;
  }
  NodeRow& row = rows_[node.row];
  row.at = node.data;
  row.host_name = hello.host_name;
  row.hardware_address = hello.hardware_address;
  node.phase = Phase::idle;
  output_.send(id, Welcome{});
  set(node, Phase::idle, NodeRow::State::waiting, "");
}

// A machine that comes back takes up its old row, unless another connection still has it.
std::size_t JobMachine::row_for(const Node& node, const Hello& hello) {
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    // A machine is known by its network card, since it may get another address; without one, by its address.
    const bool same_card = rows_[i].hardware_address == hello.hardware_address;
    const bool known_by_card = node.clones && !hello.hardware_address.empty();
    const bool same = same_card && (known_by_card || rows_[i].at.address == node.from.address);
    bool taken = std::any_of(nodes_.begin(), nodes_.end(), [&](const auto& other) {
      return &other.second != &node && other.second.phase != Phase::greeting && other.second.row == i;
    });
    bool finished_send = !rules_.clone && rows_[i].state == NodeRow::State::done;
    if (same && !taken && !finished_send) return i;
  }
  const std::size_t number = rows_.size();
  rows_.emplace_back().number = number;
  return number;
}

void JobMachine::join(NodeId id, Node& node, const Join& join, Time now) {
  auto named = [&](const JobRules::Session& session) { return session.name == join.session; };
  auto found = std::find_if(rules_.sessions.begin(), rules_.sessions.end(), named);
  if (found == rules_.sessions.end()) {
    refuse(id, "there is no session " + join.session + " here");
    return;
  }
  auto session = static_cast<std::size_t>(found - rules_.sessions.begin());
  if (is_member(node) && node.phase == Phase::between && session == node.session) {
    set(node, Phase::joined, NodeRow::State::running, join.session);
    return;
  }
  bool skips = std::any_of(rules_.sessions.begin(), found, [](const JobRules::Session& s) { return !s.kept; });
  if (skips) {
    refuse(id, "it wants session " + join.session + " without the ones before it");
    return;
  }
  if (is_member(node)) leave(id, node, NodeRow::State::put_out, "it began anew", now);
  node.session = session;
  node.phase = Phase::waiting;
  if (row(node).state != NodeRow::State::put_out) row(node).state = NodeRow::State::waiting;
  row(node).stage = join.session;
  last_wait_ = now;
  if (!first_wait_) first_wait_ = now;
  output_.event("Added client " + name(node) + ", " + std::to_string(waiting()) + " waiting, " +
                std::to_string(missing()) + " wanted");
  output_.changed(row(node));
}

void JobMachine::position(NodeId id, Node& node, const Position& position, Time now) {
  if (node.phase != Phase::streaming || !chain_ || position.stream != chain_->stream()) return;
  NodeRow& row = this->row(node);
  std::chrono::duration<double> since = now - node.last_position;
  if (since > 500ms && position.received >= node.last_received) {
    row.rate = static_cast<double>(position.received - node.last_received) / since.count();
    node.last_received = position.received;
    node.last_position = now;
  }
  const bool idle = position.sunk == position.received && !position.whole;
  if (idle || position.sunk != node.sunk) node.sink_moved = now;
  node.sunk = position.sunk;
  row.received = position.received;
  row.sunk = position.sunk;
  chain_->position(id, position, now);
  if (nodes_.count(id) != 0 && node.phase == Phase::streaming) output_.changed(row);
}

void JobMachine::member_finished(NodeId id, Node& node, const Finished& finished) {
  if (node.phase != Phase::streaming || !chain_ || finished.stream != chain_->stream()) return;
  const auto& end = chain_->end_mark();
  if (!end || finished.bytes != end->offset || finished.digest != end->digest) {
    leave(id, node, NodeRow::State::failed, "it says it has finished, but with other bytes than were sent", now_);
    return;
  }
  row(node).received = row(node).sunk = finished.bytes;
  chain_->position(id, {finished.stream, finished.bytes, finished.bytes, 0, 0, true}, now_);
  ++node.session;
  bool last = node.session == rules_.sessions.size();
  if (!last) {
    set(node, Phase::between, NodeRow::State::running, row(node).stage);
  } else if (rules_.clone) {
    set(node, Phase::finishing, NodeRow::State::finishing, row(node).stage);
  } else {
    set(node, Phase::done, NodeRow::State::done, "");
    node.done_at = now_;
  }
}

// Leaving a round.

void JobMachine::put_out(NodeId id, const std::string& reason) {
  auto found = nodes_.find(id);
  if (found == nodes_.end()) return;
  output_.event(name(found->second) + " is dropped from this round: " + reason);
  leave(id, found->second, NodeRow::State::put_out, reason, now_);
  output_.send(id, PutOut{reason});
}

void JobMachine::leave(NodeId id, Node& node, NodeRow::State state, const std::string& reason, Time now) {
  bool member = is_member(node);
  node.phase = Phase::out;
  if (member || state == NodeRow::State::failed) {
    row(node).state = state;
    row(node).reason = reason;
    row(node).order = 0;
    row(node).rate = 0;
    if (state == NodeRow::State::failed) output_.event(name(node) + " failed: " + reason);
    output_.changed(row(node));
  }
  if (chain_) {
    chain_->remove(id, now);
    output_.stream_moved();
  }
}

// A machine that is busy with its disk, or one that hosts many nodes, answers late without being dead.
void JobMachine::answered(Time asked, Time now) {
  if (asked > now || now - asked > silent_elsewhere) return;
  slowest_answer_ = std::max(now - asked, slowest_answer_ - slowest_answer_ / 256);
}

void JobMachine::check_silence(Time now) {
  const Time in_stream = std::clamp(answers_missing * slowest_answer_, silent_in_stream, silent_elsewhere);
  std::vector<std::pair<NodeId, Time>> silent;
  for (const auto& [id, node] : nodes_) {
    Time limit = node.phase == Phase::greeting ? greeting_limit : streams(id) ? in_stream : silent_elsewhere;
    if (now - node.heard > limit) silent.emplace_back(id, now - node.heard);
  }
  for (const auto& [id, since] : silent) {
    Node& node = nodes_.at(id);
    std::string reason = "it said nothing for " +
                         std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(since).count()) + " ms";
    if (node.phase == Phase::greeting) {
      refuse(id, reason);
    } else if (node.phase == Phase::streaming && streams(id)) {
      put_out(id, reason);
      node.heard = now;
    } else {
      if (node.phase != Phase::done) leave(id, node, NodeRow::State::failed, reason, now);
      if (chain_) chain_->remove(id, now);
      output_.close(id);
      nodes_.erase(id);
    }
  }
}

// Whoever waits for it would do so for ever. It is told; its program or its disk may still be mended there.
void JobMachine::check_sinks(Time now) {
  if (!chain_ || rules_.sink_limit == Time{0}) return;
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(rules_.sink_limit).count();
  const std::string limit = std::to_string(seconds) + " s";
  for (auto& [id, node] : nodes_) {
    if (node.phase != Phase::streaming || now - node.sink_moved < rules_.sink_limit) continue;
    const bool at_end = chain_->end_mark() && node.sunk == chain_->end_mark()->offset;
    const std::string reason = at_end ? "its sink has not ended within " + limit : "its sink took nothing for " + limit;
    output_.send(id, StreamFailed{chain_->stream(), reason});
    leave(id, node, NodeRow::State::failed, reason, now);
  }
}

// Time.

void JobMachine::tick(Time now) {
  now_ = now;
  if (finished_) return;
  if (now - last_ping_ >= ping_every) {
    last_ping_ = now;
    for (const auto& [id, node] : nodes_) {
      if (node.phase != Phase::greeting) output_.send(id, Ping{static_cast<std::uint64_t>(now.count())});
    }
  }
  check_silence(now);
  check_sinks(now);
  if (chain_) chain_->tick(now);
  advance(now);
}

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
  check_stream(now);
  while (in_round_ && !chain_) {
    bool members = std::any_of(nodes_.begin(), nodes_.end(), [](const auto& n) { return is_member(n.second); });
    if (!members) {
      end_round(now);
    } else if (!start_next_session(now)) {
      return;
    }
  }
  if (!in_round_ && round_is_due(now)) {
    start_round(now);
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

void JobMachine::start_round(Time now) {
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
    set(node, Phase::joined, NodeRow::State::running, row(node).stage);
  }
  (void)now;
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
    return std::pair(rules_.racks.of(member.at.address, row(nodes_.at(member.id)).hardware_address), member.at);
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
  for (const ChainMember& member : members) {
    Node& node = nodes_.at(member.id);
    node.last_received = node.sunk = 0;
    node.last_position = node.sink_moved = now;
    node.heard = now;
    row(node).received = row(node).sunk = 0;
    set(node, Phase::streaming, NodeRow::State::running, what.name);
    output_.send(member.id, Start{stream, what.name, round_, window, rules_.chunk, packing_});
  }
  unsigned count = static_cast<unsigned>(members.size());
  over_ = false;
  ChainOutput& decisions = *this;
  chain_ = std::make_unique<Chain>(stream, window, rules_.chunk, rules_.data_port, std::move(members), decisions, now);
  for (auto& [id, node] : nodes_) {
    if (node.phase == Phase::streaming) row(node).order = chain_->order_of(id);
  }
  output_.stream_started(session, round_, count);
}

// The stream.

void JobMachine::link(NodeId node, const Link& link) { output_.send(node, link); }

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
  for (auto& [id, node] : nodes_) {
    if (node.phase != Phase::streaming) continue;
    output_.send(id, StreamFailed{stream, why});
    leave(id, node, NodeRow::State::failed, why, now);
  }
}

void JobMachine::check_stream(Time) {
  if (!chain_) return;
  if (chain_->empty()) {
    chain_.reset();
    output_.stream_ended(over_);
    return;
  }
  if (!chain_->all_received()) {
    output_.stream_moved();
    return;
  }
  for (auto& [id, node] : nodes_) {
    if (streams(id)) output_.send(id, Over{chain_->stream()});
  }
  over_ = true;
  // Members whose sinks are still at work say Finished later; the chain is kept until they have.
  for (const auto& [id, node] : nodes_) {
    if (node.phase == Phase::streaming) return;
  }
  chain_.reset();
  output_.stream_ended(true);
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
    if (node.phase != Phase::done && node.phase != Phase::out) rest.push_back(id);
  }
  for (NodeId id : rest) refuse(id, why);
  in_round_ = false;
  finished_ = true;
}

// Small questions.

bool JobMachine::is_member(const Node& node) {
  return node.phase == Phase::between || node.phase == Phase::joined || node.phase == Phase::streaming ||
         node.phase == Phase::finishing;
}

unsigned JobMachine::waiting() const {
  return static_cast<unsigned>(
      std::count_if(nodes_.begin(), nodes_.end(), [](const auto& n) { return n.second.phase == Phase::waiting; }));
}

unsigned JobMachine::done() const {
  return static_cast<unsigned>(
      std::count_if(rows_.begin(), rows_.end(), [](const NodeRow& row) { return row.state == NodeRow::State::done; }));
}

std::size_t JobMachine::unknown() const {
  auto is_unknown = [](const auto& n) { return n.second.phase == Phase::greeting; };
  return static_cast<std::size_t>(std::count_if(nodes_.begin(), nodes_.end(), is_unknown));
}

unsigned JobMachine::missing() const { return rules_.nodes > done() ? rules_.nodes - done() : 0; }

bool JobMachine::serves(std::string_view session) const {
  return !finished_ && std::any_of(rules_.sessions.begin(), rules_.sessions.end(),
                                   [&](const JobRules::Session& s) { return s.name == session; });
}

std::string JobMachine::held_up_by() const {
  if (!chain_ || chain_->empty()) return "";
  const Limit limit = chain_->limit();
  auto found = nodes_.find(limit.node);
  if (limit.kind == Limit::Kind::source || found == nodes_.end()) return source_itself;
  return (limit.kind == Limit::Kind::sink ? "the sink of " : "the line to ") + name(found->second);
}

void JobMachine::set(Node& node, Phase phase, NodeRow::State state, const std::string& stage) {
  node.phase = phase;
  row(node).state = state;
  row(node).stage = stage;
  output_.changed(row(node));
}

std::string JobMachine::name(const Node& node) const {
  std::string text = node.from.address_text();
  const std::string& host = rows_[node.row].host_name;
  return host.empty() ? text : text + " (" + host + ")";
}

}  // namespace ka::wire
