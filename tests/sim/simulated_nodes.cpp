// The nodes of a simulation: what agent/link/server_link.cpp, agent/client/client_main.cpp and, of a clone,
// agent/boot/node.cpp do.

#include <algorithm>
#include <utility>

#include "tests/sim/simulation_parts.h"

namespace ka::sim {

namespace {

constexpr std::uint64_t offered_ring = 1 << 20;
constexpr Time server_silence_limit = 10s;

}  // namespace

void Simulation::join(Node& node) {
  if (node.ok || node.failed || node.running || machine_->finished()) return;
  if (!server_up_) {
    after(look_again_after, [this, &node] { join(node); });
    return;
  }
  node.running = true;
  node.finished = node.wrote = node.said_done = node.closing = false;
  node.question.reset();
  node.session = node.has_stage2 ? 1 : 0;
  node.last_word = now_;
  ++node.life;
  node.connection = ++last_connection_;
  if (node.cut) return;
  connections_[node.connection] = node.index;
  after(scenario_.latency, [this, &node, id = node.connection] {
    at_server([this, &node, id] {
      if (connections_.count(id) != 0) machine_->connected(id, {0x0a000001 + node.index, 0}, now_);
    });
  });
  Introduction who;
  who.features = feature_zstd;
  who.clones = scenario_.clone;
  who.data_port = static_cast<std::uint16_t>(first_node_port + node.index);
  who.ring = offered_ring;
  who.host_name = "node" + std::to_string(node.index);
  who.hardware_address = who.host_name;
  to_server(node, who);
  to_server(node, Join{sessions_[node.session]});
  after(report_every, [this, &node, life = node.life] {
    if (node.life == life) report(node);
  });
}

void Simulation::to_server(Node& node, Message message) {
  if (!node.running || node.cut) return;
  after(scenario_.latency, [this, index = node.index, id = node.connection, message = std::move(message)] {
    at_server([this, index, id, message] { arrived_at_server(index, id, message); });
  });
}

void Simulation::arrived_at_server(unsigned index, NodeId connection, const Message& message) {
  if (connections_.count(connection) == 0) return;
  if (std::holds_alternative<Join>(message)) nodes_[index]->came = true;
  if (const auto* ready = std::get_if<Ready>(&message)) said_[connection].asked = ready->question;
  if (log_ && (std::holds_alternative<UpstreamLost>(message) || std::holds_alternative<Finished>(message)))
    note("node " + std::to_string(index) +
         (std::holds_alternative<Finished>(message) ? " has finished" : " lost its upstream"));
  machine_->message(connection, decode(std::string_view(encode(message)).substr(4)), now_);
}

void Simulation::arrived_at_node(unsigned index, NodeId connection, const Message& message) {
  Node& node = *nodes_[index];
  if (!node.running || node.cut || node.connection != connection) return;
  if (node.frozen) {
    node.unheard.emplace_back(connection, message);
    return;
  }
  handle(node, message);
}

void Simulation::handle(Node& node, const Message& message) {
  const std::string name = "node " + std::to_string(node.index);
  node.last_word = now_;
  if (const auto* ping = std::get_if<Ping>(&message)) {
    to_server(node, Pong{ping->token});
  } else if (const auto* start = std::get_if<Start>(&message)) {
    if (node.stream || start->session != sessions_[node.session]) return;
    node.stream.emplace(*start, offered_ring);
    node.finished = false;
    node.checked = node.reported = 0;
    node.relay_busy = Time{0};
    auto early = std::exchange(early_, {});
    for (auto& hop : early) serve(hop->upstream, hop);
  } else if (const auto* link = std::get_if<Link>(&message)) {
    if (!node.stream || !node.stream->link(*link)) return;
    note(name + " gets its data from " + std::to_string(link->upstream.port) + " in epoch " +
         std::to_string(link->epoch) + " from " + std::to_string(node.stream->ring().end()));
    open_hop(node);
  } else if (const auto* over = std::get_if<Over>(&message)) {
    if (!node.stream || over->stream != node.stream->stream()) return;
    if (node.finished) return session_received(node);
    if (!node.lies) violation(name + " hears that the stream is over before it has finished");
  } else if (const auto* may = std::get_if<MayWrite>(&message)) {
    may_write(node, may->question);
  } else if (std::holds_alternative<Release>(message)) {
    if (node.said_done) return fail(node, "");
    if (!node.lies && scenario_.clone) violation(name + " is released before it is cloned");
  } else if (const auto* out = std::get_if<PutOut>(&message)) {
    note(name + " hears that it is dropped: " + out->reason);
    if (node.healthy()) violation(name + " has nothing wrong and is dropped: " + out->reason);
    begin_anew(node);
  } else if (const auto* failed = std::get_if<StreamFailed>(&message)) {
    fail(node, failed->reason);
  } else if (const auto* refused = std::get_if<Refused>(&message)) {
    fail(node, refused->reason);
  }
}

// Over: the server has found its digest right.
void Simulation::session_received(Node& node) {
  if (node.checked != bytes_of(node.session))
    violation("node " + std::to_string(node.index) + " has received a session with " + std::to_string(node.checked) +
              " bytes");
  leave_stream(node);
  const bool was_stage2 = scenario_.clone && node.session == 0;
  if (++node.session == sessions_.size()) {
    if (!scenario_.clone) return fail(node, "");
    after(scenario_.works_for[node.index], [this, &node, id = node.connection] { say_done(node, id); });
    return;
  }
  node.has_stage2 = node.has_stage2 || was_stage2;
  if (was_stage2) return to_server(node, Join{sessions_[node.session]});
  after(scenario_.checks_for[node.index], [this, &node, id = node.connection, life = node.life] {
    if (node.connection == id && node.life == life) ask_to_write(node);
  });
}

void Simulation::begin_anew(Node& node) {
  leave_stream(node);
  node.finished = node.wrote = node.said_done = node.closing = false;
  node.question.reset();
  node.session = node.has_stage2 ? 1 : 0;
  to_server(node, Join{sessions_[node.session]});
}

void Simulation::say_done(Node& node, NodeId connection) {
  if (!node.running || node.connection != connection || node.session != sessions_.size()) return;
  if (node.frozen) {  // it goes on when it wakes up
    after(report_every, [this, &node, connection] { say_done(node, connection); });
    return;
  }
  node.said_done = true;
  ++node.times_done;
  to_server(node, Done{});
}

void Simulation::ask_to_write(Node& node) {
  if (!node.running) return;
  if (node.frozen) {
    after(report_every, [this, &node, life = node.life] {
      if (node.life == life) ask_to_write(node);
    });
    return;
  }
  node.question = random_();
  to_server(node, Ready{*node.question, {{"sda", "vda", "", "", 1, ""}}});
}

// The first byte: only after the yes to the question that this node asks now, and with no no behind it.
void Simulation::may_write(Node& node, std::uint64_t question) {
  if (node.question != question) return;
  node.question.reset();
  if (!node.lies && server_up_ && connections_.count(node.connection) != 0) {
    const Said& said = said_[node.connection];
    if (said.yes != question && !said.no) violation("node " + std::to_string(node.index) + " writes without a yes");
  }
  note("node " + std::to_string(node.index) + " writes");
  node.wrote = true;
  to_server(node, Join{sessions_[node.session]});
}

void Simulation::leave_stream(Node& node) {
  if (node.in) break_hop(node.in);
  if (node.out) break_hop(node.out);
  node.in.reset();
  node.out.reset();
  node.stream.reset();
  ++node.life;
  node.sink_works = false;
  after(report_every, [this, &node, life = node.life] {
    if (node.life == life) report(node);
  });
}

bool Simulation::is_done_at_server(const Node& node) const {
  const std::string name = "node" + std::to_string(node.index);
  return std::any_of(machine_->rows().begin(), machine_->rows().end(),
                     [&](const NodeRow& row) { return row.host_name == name && row.state == NodeRow::State::done; });
}

// Ends the program: well if `why` is empty.
void Simulation::fail(Node& node, const std::string& why) {
  const std::string name = "node " + std::to_string(node.index);
  note(name + (why.empty() ? " is done" : " fails: " + why));
  node.ok = why.empty();
  node.failed = !why.empty();
  if (node.ok) {
    outcome_.last_done = now_;
    if (connections_.count(node.connection) != 0 && !node.lies && !is_done_at_server(node))
      violation(name + " is done, and the server does not count it");
    if (scenario_.clone && !node.lies && !node.wrote) violation(name + " is cloned without having written");
  }
  kill(node);
}

// It looks for a server again.
void Simulation::lose_server(Node& node) {
  note("node " + std::to_string(node.index) + " loses the server");
  leave_stream(node);
  node.running = node.frozen = false;
  node.unheard.clear();
  node.question.reset();
  if (!node.cut) after(look_again_after, [this, &node] { join(node); });
}

void Simulation::kill(Node& node) {
  if (!node.running) return;
  leave_stream(node);
  node.running = node.frozen = false;
  node.unheard.clear();
  if (node.cut) return;
  after(scenario_.latency, [this, id = node.connection] {
    at_server([this, id] {
      if (connections_.erase(id) != 0) machine_->disconnected(id, "the other side closed it", now_);
    });
  });
}

void Simulation::tell_position(Node& node) {
  node.stream->relayed(node.relay_busy);
  Position position = node.stream->position();
  node.reported = position.received;
  to_server(node, position);
}

void Simulation::report(Node& node) {
  if (!node.running) return;
  if (!node.frozen && now_ - node.last_word > server_silence_limit) return lose_server(node);
  if (node.stream && node.talks() && !node.finished) tell_position(node);
  after(report_every, [this, &node, life = node.life] {
    if (node.life == life) report(node);
  });
}

void Simulation::strike(Node& node) {
  if (!node.running) return;
  const std::string name = "node " + std::to_string(node.index);
  if (node.fault.kind == Fault::Kind::killed) {
    note(name + " is killed");
    kill(node);
    node.has_stage2 = false;
    if (node.fault.back_after != Time{0}) after(node.fault.back_after, [this, &node] { join(node); });
  } else if (node.fault.kind == Fault::Kind::frozen) {
    note(name + " freezes");
    node.frozen = true;
    after(node.fault.lasts, [this, &node] { thaw(node); });
  } else if (node.fault.kind == Fault::Kind::cut) {
    note(name + " is cut off");
    node.cut = true;
  } else if (node.fault.kind == Fault::Kind::lies) {
    node.lies = true;
    lie(node);
  }
}

// Whatever a node can say that is not so.
void Simulation::lie(Node& node) {
  if (node.ok || node.failed) return;
  const std::uint64_t stream = node.stream ? node.stream->stream() : random_();
  const std::uint32_t epoch = node.stream ? node.stream->epoch() : 1;
  const std::uint64_t received = node.stream ? node.stream->ring().end() : 0;
  const std::uint64_t more = received + random_() % (scenario_.window + 1);
  switch (random_() % 10) {
    case 0:
    case 1: to_server(node, UpstreamLost{stream, epoch, random_(), random_() % 2 == 0, "a lie"}); break;
    case 2: to_server(node, UpstreamLost{stream, static_cast<std::uint32_t>(random_()), 0, false, "a lie"}); break;
    case 3: to_server(node, Position{stream, more, more, random_(), random_(), false}); break;
    case 4: to_server(node, Position{stream, random_(), random_(), random_(), random_(), true}); break;
    case 5: to_server(node, Finished{stream, scenario_.bytes, Digest{}}); break;
    case 6: to_server(node, Done{}); break;
    case 7: to_server(node, Ready{random_(), {}}); break;
    case 8: to_server(node, Join{sessions_[random_() % sessions_.size()]}); break;
    default: to_server(node, Pong{random_()}); break;
  }
  after(Time(static_cast<Time::rep>(random_() % 300'000)), [this, &node] { lie(node); });
}

void Simulation::thaw(Node& node) {
  if (!node.running || !node.frozen) return;
  note("node " + std::to_string(node.index) + " thaws");
  node.frozen = false;
  node.last_word = now_;  // its own silence is not the server's
  auto messages = std::exchange(node.unheard, {});
  for (const auto& [connection, message] : messages) {
    if (connection == node.connection) arrived_at_node(node.index, connection, message);
  }
  if (node.in) deliver(node.in);
  if (node.out) feed(node.out);
  feed_sink(node);
}

}  // namespace ka::sim
