#include "tests/sim/simulation.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <utility>

#include "tests/sim/simulation_parts.h"

namespace ka::sim {

namespace {

constexpr Time time_limit = 1h;
constexpr Time operators_patience = 30min;  // with machines that never come
constexpr Time tick_every = 50ms;
constexpr Time sink_limit = 10s;
constexpr Time time_to_end = 45s;  // a node hears nothing for 10 s, another is frozen for 30

}  // namespace

Simulation::Simulation(Scenario scenario, bool log)
    : scenario_(std::move(scenario)), log_(log), random_(scenario_.seed) {
  sessions_ = {"sim"};
  if (scenario_.clone) sessions_ = {"stage2", "manifest", "system"};
  begin_job();
  for (unsigned i = 0; i < scenario_.nodes; ++i) {
    nodes_.push_back(std::make_unique<Node>());
    Node& node = *nodes_.back();
    node.index = i;
    node.fault = scenario_.faults[i];
    after(scenario_.joins[i], [this, &node] { join(node); });
    after(node.fault.at, [this, &node] { strike(node); });
  }
  if (scenario_.stopped_at) {
    after(*scenario_.stopped_at, [this] { at_server([this] { machine_->stop(now_); }); });
  }
  after(operators_patience, [this] {
    auto runs = [](const auto& node) { return node->running; };
    if (std::none_of(nodes_.begin(), nodes_.end(), runs)) at_server([this] { machine_->stop(now_); });
  });
  if (scenario_.server_pauses_at) after(*scenario_.server_pauses_at, [this] { server_pauses(); });
  if (scenario_.server_dies_at) after(*scenario_.server_dies_at, [this] { server_dies(); });
  after(Time{0}, [this] { tick(); });
}

Simulation::~Simulation() = default;

void Simulation::begin_job() {
  JobRules rules;
  const std::string packing = scenario_.packed ? zstd_packing : "";
  for (const std::string& name : sessions_)
    rules.sessions.push_back({name, name == "stage2", packing, name == "system"});
  rules.clone = scenario_.clone;
  rules.confirm = scenario_.confirm;
  auto missing = std::count_if(nodes_.begin(), nodes_.end(), [](const auto& node) { return !node->ok; });
  rules.nodes = nodes_.empty() ? scenario_.nodes : static_cast<unsigned>(std::max<std::ptrdiff_t>(1, missing));
  rules.start_after = scenario_.start_after;
  if (scenario_.clone) rules.linger = 20s;
  rules.sink_limit = sink_limit;
  rules.window = scenario_.window;
  rules.chunk = scenario_.chunk;
  rules.data_port = server_port;
  JobOutput& output = *this;
  machine_ = std::make_unique<JobMachine>(rules, output);
}

std::optional<StreamKeys> Simulation::stream_keys() {
  if (!scenario_.sealed) return std::nullopt;
  std::string seed(32, 's');
  const std::uint64_t number = random_();
  std::memcpy(seed.data(), &number, sizeof number);
  return StreamKeys{Signer(Secret(seed)), Secret()};
}

Outcome Simulation::run() {
  const std::uint64_t check_every = 1 + scenario_.nodes / 4;
  auto step = [&] {
    Event next = queue_.top();
    queue_.pop();
    now_ = next.at;
    next.what();
    // A look at all nodes for every few events of each: the whole costs no more with many of them.
    if (++outcome_.events % check_every == 0) check();
  };
  while (!queue_.empty() && !machine_->finished() && outcome_.violations.empty()) {
    step();
    if (now_ > time_limit) violation("still not at an end after an hour");
  }
  outcome_.ended = now_;
  outcome_.done = machine_->done();
  if (outcome_.violations.empty()) check_end();
  let_all_end();
  while (!queue_.empty() && queue_.top().at < outcome_.ended + time_to_end && outcome_.violations.empty()) step();
  if (outcome_.violations.empty()) check_all_ended();
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
  if (server_up_ && !server_paused_) machine_->tick(now_);
  after(tick_every, [this] { tick(); });
}

// What comes to a paused server waits; one that is down gets nothing.
void Simulation::at_server(std::function<void()> what) {
  if (!server_up_) return;
  if (server_paused_) {
    unread_.push_back(std::move(what));
  } else {
    what();
  }
}

void Simulation::server_pauses() {
  if (!server_up_ || machine_->finished()) return;
  note("the server pauses");
  server_paused_ = true;
  after(scenario_.pauses_for, [this] {
    if (!server_paused_) return;
    note("the server goes on");
    server_paused_ = false;
    machine_->tick(now_);  // its clock before its sockets: the worst order
    for (auto& what : std::exchange(unread_, {})) what();
    auto early = std::exchange(early_, {});
    for (auto& hop : early) serve(hop->upstream, hop);
    read_source();
  });
}

void Simulation::server_dies() {
  if (machine_->finished()) return;
  note("the server dies");
  server_up_ = server_paused_ = false;
  unread_.clear();
  reading_ = false;
  server_hop_.reset();
  if (!scenario_.dies_silently) {
    for (const auto& [id, index] : connections_) {
      after(scenario_.latency, [this, index = index, id = id] {
        Node& node = *nodes_[index];
        if (node.running && node.connection == id && !node.cut) lose_server(node);
      });
    }
  }
  connections_.clear();
  said_.clear();
  begin_job();  // so that there always is one to be asked; nobody reaches it yet
  after(scenario_.server_back_after, [this] { server_starts_again(); });
}

void Simulation::server_starts_again() {
  note("a server starts again");
  begin_job();
  server_up_ = true;
  // An operator does not wait for ever for machines that never come back.
  after(Time(10min), [this] { at_server([this] { machine_->stop(now_); }); });
}

// The job is over: its last words go out, then its connections close.
void Simulation::let_all_end() {
  server_up_ = server_paused_ = false;
  for (const auto& [id, index] : connections_) {
    after(2 * scenario_.latency, [this, index = index, id = id] {
      Node& node = *nodes_[index];
      if (node.running && node.connection == id && !node.cut) lose_server(node);
    });
  }
  connections_.clear();
}

std::uint64_t Simulation::bytes_of(std::size_t session) const {
  return session + 1 == sessions_.size() ? scenario_.bytes : 3 * scenario_.chunk + 1;
}

void Simulation::send(NodeId connection, const Message& message) {
  auto found = connections_.find(connection);
  if (found == connections_.end()) return;
  unsigned node = found->second;
  Said& said = said_[connection];
  if (const auto* yes = std::get_if<MayWrite>(&message)) {
    if (said.no || said.asked != yes->question) violation("the server says yes to what is not asked, or after a no");
    said.yes = yes->question;
  }
  if (std::holds_alternative<PutOut>(message) || std::holds_alternative<StreamFailed>(message) ||
      std::holds_alternative<Refused>(message)) {
    said.no = true;
    said.yes.reset();
  }
  if (std::holds_alternative<Start>(message)) said.no = false;
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
    if (node.running && node.connection == connection && !node.cut) lose_server(node);
  });
}

void Simulation::ask_operator(const std::vector<WriteRequest>& nodes) {
  note("the operator is asked about " + std::to_string(nodes.size()) + " nodes");
  after(scenario_.operator_thinks, [this, machine = machine_.get()] {
    at_server([this, machine] {
      if (machine == machine_.get()) machine_->confirmed(!scenario_.operator_says_no, now_);
    });
  });
}

void Simulation::stream_started(std::size_t session, unsigned round, unsigned members) {
  stream_ = machine_->chain()->stream();
  session_ = session;
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

void Simulation::read_source() {
  if (server_paused_) return;
  while (reading_ && machine_->chain() && machine_->chain()->may_read()) {
    if (scenario_.source_fails_at && session_ + 1 == sessions_.size() && read_ >= *scenario_.source_fails_at) {
      reading_ = false;
      machine_->source_failed("the simulated source failed", now_);
      return;
    }
    if (read_ == bytes_of(session_)) {
      reading_ = false;
      machine_->source_ended(now_);
      break;
    }
    std::shared_ptr<Chunk> chunk = pool_.get();
    chunk->header.length =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(scenario_.chunk, bytes_of(session_) - read_));
    for (std::uint64_t i = 0; i < chunk->header.length; i += 8) {
      std::uint64_t word = word_at(scenario_.seed + session_, read_ + i);
      std::memcpy(chunk->room.get() + i, &word, std::min<std::size_t>(8, chunk->header.length - i));
    }
    read_ += chunk->header.length;
    machine_->chain()->add(std::move(chunk));
  }
  if (server_hop_) feed(server_hop_);
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
    if (node.running && node.connection == id && !node.lies && node.stream && node.stream->stream() == chain->stream())
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
  const bool source_failed = scenario_.source_fails_at.has_value();
  unsigned whole = 0, liars = 0;
  for (const auto& node : nodes_) {
    whole += scenario_.clone ? node->times_done : node->times_finished;
    liars += node->lies;  // nobody can know of one that got all whether its last words are true
  }
  if (source_failed && !scenario_.clone && whole > 0) violation("a node took a failed source for a whole one");
  if (whole + liars < machine_->done()) violation("the server counts more nodes done than have the stream");
  const bool by_force = (scenario_.stopped_at && *scenario_.stopped_at <= now_) || scenario_.server_dies_at ||
                        (scenario_.confirm && scenario_.operator_says_no);
  for (const NodeRow& row : machine_->rows()) {
    if ((row.state == NodeRow::State::failed || row.state == NodeRow::State::put_out) && row.reason.empty())
      violation(row.host_name + " did not end well, and there is no reason");
    bool open = row.state == NodeRow::State::running || row.state == NodeRow::State::waiting;
    if (open && !by_force) violation(row.host_name + " came to no end");
  }
}

// What must hold when the last words of the server have been heard.
void Simulation::check_all_ended() {
  const bool by_force = (scenario_.stopped_at && *scenario_.stopped_at <= outcome_.ended) || scenario_.server_dies_at ||
                        scenario_.source_fails_at || (scenario_.confirm && scenario_.operator_says_no);
  for (const auto& node : nodes_) {
    const std::string name = "node " + std::to_string(node->index);
    if (node->running && !node->frozen && !node->cut) violation(name + " waits for ever");
    if (node->healthy() && node->came && !node->ok && !by_force)
      violation(name + " has nothing wrong and did not get the stream");
  }
}

}  // namespace ka::sim
