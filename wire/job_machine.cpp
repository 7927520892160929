// Connections and what comes on them. See wire/job_machine.h.

#include "wire/job_machine.h"

#include <algorithm>

#include "base/text.h"

namespace ka::wire {

namespace {

template <typename... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};
template <typename... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;  // clang 14 does not find it by itself

}  // namespace

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
    if (node.phase != Phase::out)
      leave(id, node, NodeRow::State::failed, with_disks(node, "connection lost: " + why), now);
  }
  nodes_.erase(id);
  advance(now);
}

void JobMachine::turn_away(NodeId id, const std::string& reason, Time now) {
  now_ = now;
  refuse(id, reason);
  advance(now);
}

void JobMachine::refuse(NodeId id, const std::string& reason) {
  output_.send(id, Refused{reason});
  output_.close(id);
  auto found = nodes_.find(id);
  if (found == nodes_.end()) return;
  Node& node = found->second;
  if (node.phase == Phase::greeting) {
    output_.event(node.from.address_text() + " is refused: " + reason);
  } else if (node.phase != Phase::out) {
    leave(id, node, NodeRow::State::failed, with_disks(node, reason), now_);
  }
  nodes_.erase(id);
}

void JobMachine::message(NodeId id, const Message& message, Time now) {
  now_ = now;
  auto found = nodes_.find(id);
  if (found == nodes_.end()) return;
  Node& node = found->second;
  node.heard = now;
  if (node.phase == Phase::greeting) {
    if (const Introduction* said = std::get_if<Introduction>(&message)) {
      introduced(id, node, *said);
    } else {
      refuse(id, "it did not say who it is");
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
      [&](const Ready& m) { asks_to_write(id, node, m); },
      [&](const Failed& m) {
        output_.send(id, Heard{});
        if (node.phase != Phase::out) leave(id, node, NodeRow::State::failed, m.reason, now);
      },
      [&](const Stage& m) {
        if (!node.row) return;
        row(node).stage = m.text;
        output_.changed(row(node));
      },
      [&](const Identity& m) { identity(id, node, m); },
      [&](const Done&) { done(id, node); },
      [&](const Pong& m) { answered(m, now); },
      // A clone wipes disks: when it begins is the operator's word alone.
      [&](const Go&) { go_ = go_ || (!rules_.clone && node.phase == Phase::waiting); },
      [&](const auto&) { refuse(id, "it sent a message that has no place here"); },
  };
  std::visit(handle, message);
  advance(now);
}

void JobMachine::introduced(NodeId id, Node& node, const Introduction& said) {
  if (said.ring < least_ring(rules_)) {
    refuse(id, "it can hold " + format_size(said.ring) + " of the stream, and who takes part must hold " +
                   format_size(least_ring(rules_)) +
                   ": give it more memory, or start ka-server with a smaller --window");
    return;
  }
  const std::string who =
      node.from.address_text() + (said.hardware_address.empty() ? "" : " (" + said.hardware_address + ")");
  if (rules_.only && !rules_.only->holds(node.from.address, said.hardware_address)) {
    refuse(id, who + " is not in the file of --only, which names the machines that may come");
    return;
  }
  if (const std::string why_not = rules_.admits(said.hardware_address, said.token); !why_not.empty()) {
    refuse(id, who + " " + why_not);
    return;
  }
  node.clones = said.clones;
  node.ring = said.ring;
  node.features = said.features;
  node.data = {node.from.address, said.data_port};
  node.host_name = said.host_name;
  node.hardware_address = said.hardware_address;
  if (!find_row(id, node)) return;
  node.phase = Phase::idle;
  output_.send(id, Admitted{});
}

// False: it is refused.
bool JobMachine::find_row(NodeId id, Node& node) {
  if (!node.row) node.row = known_row(node);
  if (!node.row || !node.clones || row(node).state != NodeRow::State::done) return true;
  node.row.reset();  // what it says there is true
  refuse(id, "this machine is cloned already: let it boot from its own disk");
  return false;
}

// A machine that comes back takes up its old row, unless another connection still has it.
std::optional<std::size_t> JobMachine::known_row(const Node& node) const {
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    // A machine is known by its network card, since it may get another address; without one, by its address.
    const bool same_card = rows_[i].hardware_address == node.hardware_address;
    const bool known_by_card = node.clones && !node.hardware_address.empty();
    const bool same = same_card && (known_by_card || rows_[i].at.address == node.from.address);
    bool taken = std::any_of(nodes_.begin(), nodes_.end(),
                             [&](const auto& other) { return &other.second != &node && other.second.row == i; });
    bool finished_send = !rules_.clone && rows_[i].state == NodeRow::State::done;
    if (same && !taken && !finished_send) return i;
  }
  return std::nullopt;
}

void JobMachine::join(NodeId id, Node& node, const Join& join, Time now) {
  if (finished_) return;  // its connection is about to end, and it looks for a server again
  auto named = [&](const JobRules::Session& session) { return session.name == join.session; };
  auto found = std::find_if(rules_.sessions.begin(), rules_.sessions.end(), named);
  if (found == rules_.sessions.end()) {
    refuse(id, "there is no session " + join.session + " here");
    return;
  }
  auto session = static_cast<std::size_t>(found - rules_.sessions.begin());
  if (node.phase == Phase::between && session == node.session) {
    if (found->writes && !node.may_write) {
      refuse(id, "it wants session " + join.session + " without having asked whether it may write");
      return;
    }
    set(node, Phase::joined, NodeRow::State::running, join.session);
    return;
  }
  bool skips = std::any_of(rules_.sessions.begin(), found, [](const JobRules::Session& s) { return !s.kept; });
  if (skips) {
    refuse(id, "it wants session " + join.session + " without the ones before it");
    return;
  }
  if (is_member(node)) leave(id, node, NodeRow::State::put_out, with_disks(node, "it began anew"), now);
  if (!find_row(id, node)) return;
  if (!node.row) {
    node.row = rows_.size();
    rows_.emplace_back().number = *node.row;
  }
  NodeRow& row = this->row(node);
  row.at = node.data;
  row.host_name = node.host_name;
  row.hardware_address = node.hardware_address;
  row.identity.clear();
  node.session = session;
  node.phase = Phase::waiting;
  node.may_write = false;
  if (row.state != NodeRow::State::put_out) row.state = NodeRow::State::waiting;
  row.stage = join.session;
  last_wait_ = now;
  if (!first_wait_) first_wait_ = now;
  output_.event("Added client " + name(node) + ", " + std::to_string(waiting()) + " waiting, " +
                std::to_string(missing()) + " wanted");
  output_.changed(row);
}

void JobMachine::position(NodeId id, Node& node, const Position& position, Time now) {
  if (node.phase != Phase::streaming || !chain_ || position.stream != chain_->stream()) return;
  NodeRow& row = this->row(node);
  std::chrono::duration<double> since = now - node.last_position;
  if (since > std::chrono::milliseconds(500) && position.received >= node.last_received) {
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

// What it says here is compared before it may call the session received: see confirm_finished().
void JobMachine::member_finished(NodeId id, Node& node, const Finished& finished) {
  if (node.phase != Phase::streaming || !chain_) return;  // it was taken out of the stream, and told so
  const auto& end = chain_->end_mark();
  if (finished.stream != chain_->stream() || !end || finished.bytes != end->offset || finished.digest != end->digest) {
    const std::string reason = "it says it has finished, but with other bytes than were sent";
    output_.send(id, StreamFailed{finished.stream, reason});
    leave(id, node, NodeRow::State::failed, reason, now_);
    return;
  }
  row(node).received = row(node).sunk = finished.bytes;
  chain_->position(id, {finished.stream, finished.bytes, finished.bytes, 0, 0, true}, now_);
  --at_work_;
  ++finished_members_;
  newly_finished_ = true;
  node.owed = finished.stream;
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

// It goes to the report; the last word counts, so that nobody can make it grow.
void JobMachine::identity(NodeId id, Node& node, const Identity& identity) {
  if (node.phase == Phase::out) return;  // it was told why
  if (node.phase == Phase::finishing)
    row(node).identity = identity.notes;
  else
    refuse(id, "it tells of a clone before it received everything");
}

// A node that was taken out before must not believe that this server counts it.
void JobMachine::done(NodeId id, Node& node) {
  if (node.phase == Phase::done) return;
  if (node.phase == Phase::finishing) {
    set(node, Phase::done, NodeRow::State::done, "");
    node.done_at = now_;
  } else if (node.phase == Phase::out && node.row) {
    refuse(id, "it says it is cloned, but is not counted here: " + row(node).reason);
  } else {
    refuse(id, "it says it is cloned before it received everything");
  }
}

// Leaving a round.

// By the chain, or for its silence. What a member has finished stays its own: it is needed as a sender no more.
void JobMachine::put_out(NodeId id, const std::string& reason) {
  auto found = nodes_.find(id);
  if (found == nodes_.end()) return;
  Node& node = found->second;
  if (node.phase == Phase::streaming) {
    output_.event(name(node) + " is dropped from this round: " + reason);
    leave(id, node, NodeRow::State::put_out, with_disks(node, reason), now_);
    output_.send(id, PutOut{reason});
    return;
  }
  output_.event(name(node) + " has finished, and passes on no more: " + reason);
  chain_->remove(id, now_);
  output_.stream_moved();
}

void JobMachine::leave(NodeId id, Node& node, NodeRow::State state, const std::string& reason, Time now) {
  bool member = is_member(node);
  if (node.phase == Phase::streaming) --at_work_;
  node.phase = Phase::out;
  node.question.reset();
  node.owed.reset();
  if (state == NodeRow::State::failed) output_.event(name(node) + " failed: " + reason);
  if (node.row && (member || state == NodeRow::State::failed)) {
    row(node).failures += state == NodeRow::State::failed && row(node).state != NodeRow::State::failed;
    row(node).state = state;
    row(node).reason = reason;
    row(node).order = 0;
    row(node).rate = 0;
    output_.changed(row(node));
  }
  if (chain_) {
    chain_->remove(id, now);
    output_.stream_moved();
  }
}

// Small questions.

bool JobMachine::is_member(const Node& node) {
  return node.phase == Phase::between || node.phase == Phase::ready || node.phase == Phase::joined ||
         node.phase == Phase::streaming || node.phase == Phase::finishing;
}

unsigned JobMachine::waiting() const {
  return static_cast<unsigned>(
      std::count_if(nodes_.begin(), nodes_.end(), [](const auto& n) { return n.second.phase == Phase::waiting; }));
}

unsigned JobMachine::done() const {
  return static_cast<unsigned>(
      std::count_if(rows_.begin(), rows_.end(), [](const NodeRow& row) { return row.state == NodeRow::State::done; }));
}

unsigned JobMachine::missing() const { return rules_.nodes > done() ? rules_.nodes - done() : 0; }

bool JobMachine::serves(std::string_view session) const {
  return !finished_ && std::any_of(rules_.sessions.begin(), rules_.sessions.end(),
                                   [&](const JobRules::Session& s) { return s.name == session; });
}

std::optional<std::size_t> JobMachine::held_up_row() const {
  if (!chain_ || chain_->empty()) return std::nullopt;
  const Limit limit = chain_->limit();
  auto found = nodes_.find(limit.node);
  return limit.kind == Limit::Kind::source || found == nodes_.end() ? std::nullopt : found->second.row;
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
  return node.host_name.empty() ? text : text + " (" + node.host_name + ")";
}

}  // namespace ka::wire
