#include "tests/sim/simulation.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <utility>

namespace ka::sim {

using namespace std::chrono_literals;
using namespace wire;

namespace {

constexpr unsigned server = ~0u;
constexpr Time time_limit = 1h;
constexpr std::size_t socket_buffer = 8;  // chunks under way on a hop
constexpr Time tick_every = 50ms;
constexpr Time report_every = 100ms;
constexpr Time look_again_after = 1s;
constexpr std::uint16_t server_port = 1, first_node_port = 2;

// The stream's bytes follow from the seed and their place.
std::uint64_t word_at(std::uint64_t seed, std::uint64_t offset) {
  std::uint64_t x = seed ^ (offset + 0x9e3779b97f4a7c15u);
  x ^= x >> 31;
  x *= 0xbf58476d1ce4e5b9u;
  return x ^ x >> 29;
}

}  // namespace

struct Simulation::Hop {
  unsigned upstream = server;
  unsigned receiver = 0;
  HopOpen open;
  std::uint64_t next = 0;  // offset to send
  bool served = false, broken = false, end_sent = false;
  Time free_at{0};         // the line has carried what was sent so far
  struct Item {
    Time arrives;
    ChunkPtr chunk;  // nullptr: the end mark
    ChunkHeader end;
  };
  std::deque<Item> under_way;
};

struct Simulation::Node {
  unsigned index = 0;
  Fault fault;
  bool running = false, frozen = false, cut = false;
  unsigned life = 0;  // what was planned in an earlier life does not happen
  NodeId connection = 0;
  std::vector<std::pair<NodeId, Message>> unheard;  // while frozen
  std::optional<NodeStream> stream;
  Endpoint server_end;
  bool finished = false, over = false, ok = false, failed = false, came = false;
  bool sink_works = false;
  unsigned times_finished = 0;
  std::uint64_t reported = 0;
  std::uint64_t checked = 0;  // bytes that the sink took and that were right
  std::shared_ptr<Hop> in, out;

  bool talks() const { return running && !frozen && !cut; }
};

Scenario Scenario::from_seed(std::uint64_t seed, unsigned most_nodes) {
  std::mt19937_64 random(seed * 0x9e3779b97f4a7c15u + 1);
  auto pick = [&](std::uint64_t low, std::uint64_t high) { return low + random() % (high - low + 1); };
  auto one_in = [&](unsigned n) { return random() % n == 0; };
  Scenario s;
  s.seed = seed;
  s.nodes = static_cast<unsigned>(one_in(8) ? pick(1, most_nodes) : pick(1, std::min(most_nodes, 12u)));
  s.bytes = one_in(20) ? pick(0, 3000) : pick(50'000, 600'000);
  s.window = s.chunk * pick(least_chunks_in_window * 2, 128);
  s.line = static_cast<double>(pick(80'000, 300'000));
  s.latency = Time(pick(50, 5000));
  const unsigned trouble = static_cast<unsigned>(pick(0, 3));  // quarters of the nodes, about
  const std::uint64_t span = 1'500'000 + static_cast<std::uint64_t>(1e6 * static_cast<double>(s.bytes) / s.line);
  for (unsigned i = 0; i < s.nodes; ++i) {
    Fault fault;
    if (pick(0, 7) < trouble) fault.kind = static_cast<Fault::Kind>(pick(1, 7));
    fault.at = Time(pick(0, span));
    fault.lasts = one_in(2) ? Time(pick(1000, 700'000)) : Time(pick(700'000, 30'000'000));
    if (one_in(2)) fault.back_after = Time(pick(10'000, 8'000'000));
    fault.rate = s.line * (one_in(2) ? 0.02 : 0.3);
    fault.share = one_in(4) ? 1.0 : 0.05;
    s.faults.push_back(fault);
    s.joins.push_back(one_in(6) ? Time(pick(0, span)) : Time(pick(0, 200'000)));
  }
  s.start_after = one_in(2) ? Time(pick(10'000, 1'000'000)) : Time(3s);
  if (one_in(25)) s.source_fails_at = pick(0, s.bytes);
  if (one_in(25)) s.stopped_at = Time(pick(0, span));
  return s;
}

std::string Scenario::text() const {
  static const char* names[] = {"none", "killed", "frozen", "cut", "slow sink", "slow link", "sink fails", "corrupts"};
  std::string text = "seed " + std::to_string(seed) + ": " + std::to_string(nodes) + " nodes, " + std::to_string(bytes) +
                     " bytes, window " + std::to_string(window) + ", line " + std::to_string(line) + " B/s";
  for (std::size_t i = 0; i < faults.size(); ++i) {
    const Fault& f = faults[i];
    if (f.kind != Fault::Kind::none)
      text += "\n  node " + std::to_string(i) + " " + names[static_cast<int>(f.kind)] + " at " +
              std::to_string(f.at.count()) + " for " + std::to_string(f.lasts.count()) + " back " +
              std::to_string(f.back_after.count()) + " rate " + std::to_string(f.rate) + " share " + std::to_string(f.share);
  }
  return text;
}

Simulation::Simulation(Scenario scenario, bool log) : scenario_(std::move(scenario)), log_(log), random_(scenario_.seed) {
  JobRules rules;
  rules.sessions.push_back({"sim", false, ""});
  rules.clone = false;
  rules.nodes = scenario_.nodes;
  rules.start_after = scenario_.start_after;
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
  while (!queue_.empty() && !machine_->finished() && outcome_.violations.empty()) {
    Event next = queue_.top();
    queue_.pop();
    now_ = next.at;
    if (now_ > time_limit) {
      violation("still not at an end after an hour");
      break;
    }
    next.what();
    if (++outcome_.events % 16 == 0) check();
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
  outcome_.rounds = round;
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
    chunk->header.length = static_cast<std::uint32_t>(std::min<std::uint64_t>(scenario_.chunk, scenario_.bytes - read_));
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
  hello.data_port = static_cast<std::uint16_t>(first_node_port + node.index);
  hello.ring = 1 << 20;
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
    note("node " + std::to_string(index) + (std::holds_alternative<Finished>(message) ? " has finished" : " lost its upstream"));
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
    node.stream.emplace(*start);
    node.finished = node.over = false;
    node.checked = node.reported = 0;
    auto early = std::exchange(early_, {});
    for (auto& hop : early) serve(hop->upstream, hop);
  } else if (const auto* link = std::get_if<Link>(&message)) {
    if (!node.stream || !node.stream->link(*link)) return;
    note("node " + std::to_string(node.index) + " gets its data from " + std::to_string(link->upstream.port) + " in epoch " +
         std::to_string(link->epoch) + " from " + std::to_string(node.stream->ring().end()));
    open_hop(node);
  } else if (std::holds_alternative<Over>(message)) {
    node.over = true;
    if (node.finished) fail(node, "");
  } else if (std::holds_alternative<PutOut>(message)) {
    note("node " + std::to_string(node.index) + " hears that it is put out");
    if (node.fault.kind == Fault::Kind::none && scenario_.faults.size() > 0) violation("node " + std::to_string(node.index) + " has nothing wrong and is put out");
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
  if (node.ok && node.checked != scenario_.bytes) violation("a node is done with " + std::to_string(node.checked) + " bytes");
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

void Simulation::report(Node& node) {
  if (!node.running) return;
  if (node.stream && node.talks() && !node.over) {
    Position position = node.stream->position();
    node.reported = position.received;
    to_server(node, position);
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

// Data.

void Simulation::open_hop(Node& node) {
  if (node.in) break_hop(node.in);
  auto hop = std::make_shared<Hop>();
  hop->receiver = node.index;
  hop->open = node.stream->hop_open();
  hop->next = hop->open.offset;
  std::uint16_t port = node.stream->upstream().port;
  hop->upstream = port == server_port ? server : port - first_node_port;
  node.in = hop;
  after(2 * scenario_.latency, [this, hop] { serve(hop->upstream, hop); });
}

// net/hop_server.cpp: the highest epoch wins; one that comes before its stream is known waits.
void Simulation::serve(unsigned upstream, std::shared_ptr<Hop> hop) {
  if (hop->broken) return;
  const Ring* ring = nullptr;
  std::shared_ptr<Hop>* current = nullptr;
  if (upstream == server) {
    if (machine_->chain() && machine_->chain()->stream() == hop->open.stream) ring = &machine_->chain()->ring();
    current = &server_hop_;
  } else {
    Node& node = *nodes_[upstream];
    if (node.cut || nodes_[hop->receiver]->cut) return;  // no answer; connect gives up in the end
    if (!node.running) {
      break_hop(hop);
      return;
    }
    if (node.stream && node.stream->stream() == hop->open.stream) ring = &node.stream->ring();
    current = &node.out;
  }
  if (ring == nullptr) {
    early_.push_back(hop);
    return;
  }
  if ((*current && (*current)->open.epoch > hop->open.epoch) || !ring->can_serve(hop->open.offset)) {
    break_hop(hop);
    return;
  }
  if (*current) break_hop(*current);
  *current = hop;
  hop->served = true;
  feed(hop);
}

void Simulation::feed(std::shared_ptr<Hop> hop) {
  if (hop->broken || hop->end_sent) return;
  const Ring* ring = nullptr;
  const std::optional<ChunkHeader>* end = nullptr;
  const Fault* fault = nullptr;
  if (hop->upstream == server) {
    if (!machine_->chain() || machine_->chain()->stream() != hop->open.stream) return;
    ring = &machine_->chain()->ring();
    end = &machine_->chain()->end_mark();
  } else {
    Node& node = *nodes_[hop->upstream];
    if (node.frozen || !node.stream || node.stream->stream() != hop->open.stream) return;
    ring = &node.stream->ring();
    end = &node.stream->end_mark();
    fault = &node.fault;
  }
  double rate = scenario_.line;
  const Fault& receiver = nodes_[hop->receiver]->fault;
  if (fault && fault->kind == Fault::Kind::slow_link && now_ >= fault->at) rate = std::min(rate, fault->rate);
  if (receiver.kind == Fault::Kind::slow_link && now_ >= receiver.at) rate = std::min(rate, receiver.rate);
  while (hop->under_way.size() < socket_buffer) {
    if (!ring->can_serve(hop->next)) {
      violation("a hop cannot go on: its bytes are gone");
      return;
    }
    Hop::Item item;
    item.chunk = ring->find(hop->next);
    std::size_t size = chunk_header_size;
    if (item.chunk) {
      size += item.chunk->header.length;
      hop->next = item.chunk->end();
      if (fault && fault->kind == Fault::Kind::corrupts && now_ >= fault->at &&
          static_cast<double>(random_() % 1000) < 1000 * fault->share) {
        std::shared_ptr<Chunk> copy = pool_.get();
        copy->header = item.chunk->header;
        std::memcpy(copy->room.get(), item.chunk->room.get(), copy->header.length);
        copy->room[random_() % copy->header.length] ^= std::byte{1};
        item.chunk = std::move(copy);
      }
    } else if (*end && (*end)->offset == hop->next) {
      item.end = **end;
      hop->end_sent = true;
    } else {
      return;
    }
    hop->free_at = std::max(hop->free_at, now_) + Time(static_cast<Time::rep>(1e6 * static_cast<double>(size) / rate));
    item.arrives = hop->free_at + scenario_.latency;
    hop->under_way.push_back(std::move(item));
    after(hop->under_way.back().arrives - now_, [this, hop] { deliver(hop); });
    if (hop->end_sent) return;
  }
}

void Simulation::deliver(std::shared_ptr<Hop> hop) {
  Node& node = *nodes_[hop->receiver];
  const bool upstream_cut = hop->upstream != server && nodes_[hop->upstream]->cut;
  while (!hop->broken && node.in == hop && node.stream && node.talks() && !upstream_cut && !hop->under_way.empty() &&
         hop->under_way.front().arrives <= now_ &&
         (node.stream->room() || !hop->under_way.front().chunk)) {
    Hop::Item item = std::move(hop->under_way.front());
    hop->under_way.pop_front();
    try {
      if (item.chunk) {
        node.stream->take(item.chunk);
      } else {
        node.stream->take_end(item.end);
      }
    } catch (const ProtocolError& error) {
      to_server(node, UpstreamLost{hop->open.stream, hop->open.epoch, error.what()});
      break_hop(hop);
      return;
    }
    if (node.stream->whole() || node.stream->ring().end() - node.reported >= scenario_.window / 8) {
      node.reported = node.stream->ring().end();
      to_server(node, node.stream->position());
    }
    if (node.out) feed(node.out);
    feed_sink(node);
    if (hop->broken || !node.stream) return;
  }
  feed(hop);
}

// The connection breaks; the receiver notices unless it broke it itself.
void Simulation::break_hop(std::shared_ptr<Hop> hop) {
  if (hop->broken) return;
  hop->broken = true;
  after(scenario_.latency, [this, hop] {
    Node& node = *nodes_[hop->receiver];
    if (node.in != hop || !node.stream || node.stream->whole() || node.stream->epoch() != hop->open.epoch) return;
    if (node.frozen) {  // it will notice when it wakes up
      node.unheard.emplace_back(0, Message{});
      hop->broken = false;
      after(report_every, [this, hop] { break_hop(hop); });
      return;
    }
    to_server(node, UpstreamLost{hop->open.stream, hop->open.epoch, "the connection broke"});
  });
}

void Simulation::feed_sink(Node& node) {
  if (!node.stream || node.sink_works || !node.talks()) return;
  const Fault& fault = node.fault;
  if (node.stream->all_sunk()) {
    if (node.finished) return;
    node.finished = true;
    ++node.times_finished;
    to_server(node, Finished{node.stream->stream(), node.stream->end_mark()->offset, node.stream->end_mark()->digest});
    if (node.over) fail(node, "");
    return;
  }
  ChunkPtr chunk = node.stream->for_sink();
  if (!chunk) return;
  if (fault.kind == Fault::Kind::sink_fails && now_ >= fault.at) {
    to_server(node, Failed{"the simulated sink failed"});
    fail(node, "its sink failed");
    return;
  }
  double rate = scenario_.line * 3;
  if (fault.kind == Fault::Kind::slow_sink && now_ >= fault.at) rate = fault.rate;
  Time busy(static_cast<Time::rep>(1e6 * chunk->header.length / rate));
  node.sink_works = true;
  after(busy, [this, &node, chunk, busy, life = node.life] {
    if (node.life != life || !node.stream) return;
    node.sink_works = false;
    if (chunk->header.offset != node.checked || !check_bytes(*chunk)) violation("a sink got wrong bytes");
    node.checked = chunk->end();
    node.stream->sunk(*chunk, busy);
    if (node.in) deliver(node.in);
    feed_sink(node);
  });
}

bool Simulation::check_bytes(const Chunk& chunk) const {
  for (std::uint64_t i = 0; i < chunk.header.length; i += 8) {
    std::uint64_t word = word_at(scenario_.seed, chunk.header.offset + i);
    if (std::memcmp(chunk.room.get() + i, &word, std::min<std::size_t>(8, chunk.header.length - i)) != 0) return false;
  }
  return true;
}

// What must hold at every moment.
void Simulation::check() {
  const Chain* chain = machine_->chain();
  if (chain == nullptr) return;
  if (chain->ring().size() > scenario_.window) violation("the server holds more than the window");
  std::uint64_t least = chain->ring().end();
  for (const auto& node : nodes_) {
    bool member = node->running && chain->order_of(node->connection) != 0;
    if (member && node->stream && node->stream->stream() == chain->stream())
      least = std::min(least, node->stream->ring().end());
  }
  if (chain->ring().begin() > least) violation("the server dropped bytes that a live member needs");
  for (const auto& node : nodes_) {
    if (!node->stream) continue;
    if (node->stream->ring().size() > scenario_.window + scenario_.chunk) violation("a node holds more than the window");
    bool member = chain->order_of(node->connection) != 0 && node->stream->stream() == chain->stream();
    if (member && node->stream->ring().begin() > least) violation("a member dropped bytes that another one needs");
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
