#include "tests/sim/simulation.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <utility>

#include "tests/sim/simulation_parts.h"

namespace ka::sim {

namespace {

constexpr Time time_limit = 1h;
constexpr Time tick_every = 50ms;
constexpr Time look_again_after = 1s;
constexpr Time sink_limit = 10s;
constexpr std::uint64_t offered_ring = 1 << 20;

}  // namespace

Simulation::Simulation(Scenario scenario, bool log)
    : scenario_(std::move(scenario)), log_(log), random_(scenario_.seed) {
  JobRules rules;
  rules.sessions.push_back({"sim", false, scenario_.packed ? zstd_packing : "", false});
  rules.clone = false;
  rules.nodes = scenario_.nodes;
  rules.start_after = scenario_.start_after;
  rules.sink_limit = sink_limit;
  rules.window = scenario_.window;
  rules.chunk = scenario_.chunk;
  rules.data_port = server_port;
  JobOutput& output = *this;
  machine_ = std::make_unique<JobMachine>(rules, output);
  for (unsigned i = 0; i < scenario_.nodes; ++i) {
    nodes_.push_back(std::make_unique<Node>());
    Node& node = *nodes_.back();
    node.index = i;
    node.fault = scenario_.faults[i];
    after(scenario_.joins[i], [this, &node] { join(node); });
    after(node.fault.at, [this, &node] { strike(node); });
  }
  if (scenario_.stopped_at) after(*scenario_.stopped_at, [this] { machine_->stop(now_); });
  after(Time{0}, [this] { tick(); });
}

Simulation::~Simulation() = default;

Outcome Simulation::run() {
  const std::uint64_t check_every = 1 + scenario_.nodes / 4;
  while (!queue_.empty() && !machine_->finished() && outcome_.violations.empty()) {
    Event next = queue_.top();
    queue_.pop();
    now_ = next.at;
    if (now_ > time_limit) {
      violation("still not at an end after an hour");
      break;
    }
    next.what();
    // A look at all nodes for every few events of each: the whole costs no more with many of them.
    if (++outcome_.events % check_every == 0) check();
  }
  outcome_.ended = now_;
  outcome_.done = machine_->done();
  if (outcome_.violations.empty()) check_end();
  return outcome_;
}

void Simulation::after(Time delay, std::function<void()> what) {
  queue_.push({now_ + delay, ++events_, std::move(what)});
}

void Simulation::note(const std::string& text) {
  if (log_) std::fprintf(stderr, "%12.6f %s\n", static_cast<double>(now_.count()) / 1e6, text.c_str());
}

void Simulation::violation(const std::string& text) {
  note("VIOLATION " + text);
  outcome_.violations.push_back(std::to_string(now_.count()) + " us: " + text);
}

// The server.

void Simulation::tick() {
  machine_->tick(now_);
  after(tick_every, [this] { tick(); });
}

void Simulation::send(NodeId connection, const Message& message) {
  auto found = connections_.find(connection);
  if (found == connections_.end()) return;
  unsigned node = found->second;
  Message same = decode(std::string_view(encode(message)).substr(4));
  after(scenario_.latency, [this, node, connection, same] { arrived_at_node(node, connection, same); });
}

void Simulation::close(NodeId connection) {
  auto found = connections_.find(connection);
  if (found == connections_.end()) return;
  unsigned index = found->second;
  connections_.erase(found);
  after(scenario_.latency, [this, index, connection] {
    Node& node = *nodes_[index];
    if (node.connection != connection || node.cut || node.ok || node.failed) return;
    leave_stream(node);
    node.running = false;
    after(look_again_after, [this, &node] { join(node); });
  });
}

void Simulation::stream_started(std::size_t, unsigned round, unsigned members) {
  stream_ = machine_->chain()->stream();
  read_ = 0;
  reading_ = true;
  if (scenario_.packed) machine_->chain()->limit_ahead(machine_->chain()->window() / 2);
  outcome_.rounds = round;
  if (round == 1) outcome_.began = now_;
  note("round " + std::to_string(round) + " with " + std::to_string(members) + " members");
  auto early = std::exchange(early_, {});
  for (auto& hop : early) serve(hop->upstream, hop);
  after(Time{0}, [this] { read_source(); });
}

void Simulation::stream_moved() {
  if (!reading_ && !server_hop_) return;
  after(Time{0}, [this] {
    read_source();
    if (server_hop_) feed(server_hop_);
  });
}

void Simulation::stream_ended(bool whole) {
  note(whole ? "the stream is over" : "the stream failed");
  reading_ = false;
  if (server_hop_) break_hop(server_hop_);
  server_hop_.reset();
}

void Simulation::ask_operator(const std::vector<WriteRequest>&) {}

void Simulation::read_source() {
  while (reading_ && machine_->chain() && machine_->chain()->may_read()) {
    if (scenario_.source_fails_at && read_ >= *scenario_.source_fails_at) {
      reading_ = false;
      machine_->source_failed("the simulated source failed", now_);
      return;
    }
    if (read_ == scenario_.bytes) {
      reading_ = false;
      machine_->source_ended(now_);
      break;
    }
    std::shared_ptr<Chunk> chunk = pool_.get();
    chunk->header.length =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(scenario_.chunk, scenario_.bytes - read_));
    for (std::uint64_t i = 0; i < chunk->header.length; i += 8) {
      std::uint64_t word = word_at(scenario_.seed, read_ + i);
      std::memcpy(chunk->room.get() + i, &word, std::min<std::size_t>(8, chunk->header.length - i));
    }
    read_ += chunk->header.length;
    machine_->chain()->add(std::move(chunk));
  }
  if (server_hop_) feed(server_hop_);
}

// Nodes: what agent/server_link.cpp and agent/client_main.cpp do.

void Simulation::join(Node& node) {
  if (node.ok || node.running || machine_->finished()) return;
  node.running = true;
  node.failed = node.finished = node.over = false;
  ++node.life;
  node.connection = ++last_connection_;
  connections_[node.connection] = node.index;
  if (node.cut) return;
  after(scenario_.latency, [this, &node, id = node.connection] {
    if (connections_.count(id) != 0) machine_->connected(id, {0x0a000001 + node.index, 0}, now_);
  });
  Hello hello;
  hello.features = feature_zstd;
  hello.data_port = static_cast<std::uint16_t>(first_node_port + node.index);
  hello.ring = offered_ring;
  hello.host_name = "node" + std::to_string(node.index);
  to_server(node, hello);
  to_server(node, Join{"sim"});
  after(report_every, [this, &node, life = node.life] {
    if (node.life == life) report(node);
  });
}

void Simulation::to_server(Node& node, Message message) {
  if (!node.running || node.cut) return;
  after(scenario_.latency, [this, index = node.index, id = node.connection, message = std::move(message)] {
    arrived_at_server(index, id, message);
  });
}

void Simulation::arrived_at_server(unsigned index, NodeId connection, const Message& message) {
  if (connections_.count(connection) == 0) return;
  if (std::holds_alternative<Join>(message)) nodes_[index]->came = true;
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
  if (const auto* ping = std::get_if<Ping>(&message)) {
    to_server(node, Pong{ping->token});
  } else if (const auto* start = std::get_if<Start>(&message)) {
    node.stream.emplace(*start, offered_ring);
    node.finished = node.over = false;
    node.checked = node.reported = 0;
    node.relay_busy = Time{0};
    auto early = std::exchange(early_, {});
    for (auto& hop : early) serve(hop->upstream, hop);
  } else if (const auto* link = std::get_if<Link>(&message)) {
    if (!node.stream || !node.stream->link(*link)) return;
    note("node " + std::to_string(node.index) + " gets its data from " + std::to_string(link->upstream.port) +
         " in epoch " + std::to_string(link->epoch) + " from " + std::to_string(node.stream->ring().end()));
    open_hop(node);
  } else if (std::holds_alternative<Over>(message)) {
    if (!node.finished) {
      violation("node " + std::to_string(node.index) + " hears that the stream is over before it has finished");
      return;
    }
    fail(node, "");
  } else if (std::holds_alternative<PutOut>(message)) {
    note("node " + std::to_string(node.index) + " hears that it is put out");
    if (node.fault.kind == Fault::Kind::none && scenario_.faults.size() > 0)
      violation("node " + std::to_string(node.index) + " has nothing wrong and is put out");
    leave_stream(node);
    to_server(node, Join{"sim"});
  } else if (const auto* failed = std::get_if<StreamFailed>(&message)) {
    fail(node, failed->reason);
  } else if (const auto* refused = std::get_if<Refused>(&message)) {
    fail(node, refused->reason);
  }
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

// Ends the program: well if `why` is empty.
void Simulation::fail(Node& node, const std::string& why) {
  note("node " + std::to_string(node.index) + (why.empty() ? " is done" : " fails: " + why));
  node.ok = why.empty();
  node.failed = !why.empty();
  if (node.ok) outcome_.last_done = now_;
  if (node.ok && node.checked != scenario_.bytes)
    violation("a node is done with " + std::to_string(node.checked) + " bytes");
  kill(node);
}

void Simulation::kill(Node& node) {
  if (!node.running) return;
  leave_stream(node);
  node.running = node.frozen = false;
  node.unheard.clear();
  if (node.cut) return;
  after(scenario_.latency, [this, id = node.connection] {
    if (connections_.erase(id) != 0) machine_->disconnected(id, "the other side closed it", now_);
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
  if (node.stream && node.talks() && !node.finished) {
    tell_position(node);
  }
  after(report_every, [this, &node, life = node.life] {
    if (node.life == life) report(node);
  });
}

void Simulation::strike(Node& node) {
  if (!node.running) return;
  if (node.fault.kind == Fault::Kind::killed) {
    note("node " + std::to_string(node.index) + " is killed");
    kill(node);
    if (node.fault.back_after != Time{0}) after(node.fault.back_after, [this, &node] { join(node); });
  } else if (node.fault.kind == Fault::Kind::frozen) {
    note("node " + std::to_string(node.index) + " freezes");
    node.frozen = true;
    after(node.fault.lasts, [this, &node] { thaw(node); });
  } else if (node.fault.kind == Fault::Kind::cut) {
    note("node " + std::to_string(node.index) + " is cut off");
    node.cut = true;
  }
}

void Simulation::thaw(Node& node) {
  if (!node.running || !node.frozen) return;
  note("node " + std::to_string(node.index) + " thaws");
  node.frozen = false;
  auto messages = std::exchange(node.unheard, {});
  for (const auto& [connection, message] : messages) {
    if (connection == node.connection) arrived_at_node(node.index, connection, message);
  }
  if (node.in) deliver(node.in);
  if (node.out) feed(node.out);
  feed_sink(node);
}

// What must hold at every moment.
void Simulation::check() {
  const Chain* chain = machine_->chain();
  if (chain == nullptr) return;
  if (chain->ring().size() > scenario_.window) violation("the server holds more than the window");
  for (const auto& node : nodes_) {
    if (node->stream && node->stream->ring().size() > scenario_.window + scenario_.chunk)
      violation("a node holds more than the window");
  }
  std::vector<const NodeStream*> members;
  for (NodeId id : chain->order()) {
    auto found = connections_.find(id);
    if (found == connections_.end()) continue;
    const Node& node = *nodes_[found->second];
    if (node.running && node.connection == id && node.stream && node.stream->stream() == chain->stream())
      members.push_back(&*node.stream);
  }
  std::uint64_t least = chain->ring().end();
  for (const NodeStream* member : members) least = std::min(least, member->ring().end());
  if (chain->ring().begin() > least) violation("the server dropped bytes that a live member needs");
  for (const NodeStream* member : members) {
    if (member->ring().begin() > least) violation("a member dropped bytes that another one needs");
  }
}

// What must hold when the job is at its end.
void Simulation::check_end() {
  bool ended_by_force = scenario_.stopped_at && *scenario_.stopped_at <= now_;
  bool source_failed = scenario_.source_fails_at.has_value();
  unsigned whole = 0;
  for (const auto& node : nodes_) {
    whole += node->times_finished;
    bool healthy = node->fault.kind == Fault::Kind::none;
    if (healthy && node->came && !node->ok && !node->finished && !ended_by_force && !source_failed)
      violation("node " + std::to_string(node->index) + " has nothing wrong and did not get the stream");
  }
  if (source_failed && whole > 0) violation("a node took a failed source for a whole one");
  if (whole < machine_->done()) violation("the server counts more nodes done than have the stream");
  for (const NodeRow& row : machine_->rows()) {
    if ((row.state == NodeRow::State::failed || row.state == NodeRow::State::put_out) && row.reason.empty())
      violation(row.host_name + " did not end well, and there is no reason");
    bool open = row.state == NodeRow::State::running || row.state == NodeRow::State::waiting;
    if (open && !ended_by_force) violation(row.host_name + " came to no end");
  }
}

}  // namespace ka::sim
