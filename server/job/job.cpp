#include "server/job/job.h"

#include <sys/resource.h>

#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/random.h"
#include "base/text.h"
#include "net/clock.h"
#include "net/connect.h"
#include "net/control_connection.h"
#include "net/deadline.h"
#include "net/discovery.h"
#include "net/discovery_server.h"
#include "net/door.h"
#include "net/hop_server.h"
#include "net/signal.h"
#include "server/job/chunk_source.h"
#include "server/job/job_rules.h"
#include "wire/address_budget.h"
#include "wire/job_machine.h"
#include "wire/visitors.h"

namespace ka::server {

using asio::ip::tcp;
using Clock = std::chrono::steady_clock;

namespace {

constexpr auto tick_every = std::chrono::milliseconds(50);
constexpr auto progress_every = std::chrono::milliseconds(250);
constexpr auto farewell_limit = std::chrono::seconds(2);
constexpr auto proof_limit = std::chrono::seconds(2);

// A node connects once, and again some seconds after it was lost; a machine that hosts many nodes may bring them all at
// once. Whoever comes more often is not looked at.
constexpr double connections_per_second = 16, connections_at_once = 256;
// All nodes of one address tell their positions together less often than this; more is read later.
constexpr double messages_per_second = 4000, messages_at_once = 20'000;
constexpr double stages_per_second = 20, stages_at_once = 500;  // the table gets no more of them
constexpr auto read_later = std::chrono::milliseconds(50);
// A guest has a hello and a join to say, and answers to pings.
constexpr unsigned most_messages_of_guest = 200;

wire::Time now() { return net::steady_now(); }

// Every node takes one file descriptor here, and strangers some more.
void raise_file_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

class JobRunner final : public Job, private wire::JobOutput, public std::enable_shared_from_this<JobRunner> {
 public:
  JobRunner(asio::io_context& io, JobPlan plan, JobObserver& observer)
      : io_(io),
        plan_(std::move(plan)),
        observer_(observer),
        control_(io),
        door_(io, connections_per_second, connections_at_once),
        ended_(io),
        moved_(io),
        known_(io) {}

  Awaitable<JobResult> run() override;
  void stop() override;

 private:
  // What comes in.
  void listen();
  Awaitable<void> refuse_to_be_second();
  Awaitable<bool> is_of_this_site(net::FoundServer other);
  Awaitable<bool> greet(std::shared_ptr<net::ControlConnection> connection, wire::NodeId id);
  Awaitable<void> until_alone();
  void take_nobody_in();
  Awaitable<void> accept(std::shared_ptr<JobRunner> self);
  bool may_stay(wire::NodeId id, std::uint32_t address);
  void drop(wire::NodeId id, const std::string& why);
  void hand_over(wire::NodeId id);
  Awaitable<void> converse(std::shared_ptr<JobRunner> self, wire::NodeId id);
  Awaitable<void> keep_time(std::shared_ptr<JobRunner> self);
  std::unique_ptr<ChunkSource> chunks_of(const Session& what);
  Awaitable<void> pump(std::shared_ptr<JobRunner> self, std::size_t session);
  Awaitable<void> send_source(std::uint64_t stream);
  bool runs(std::uint64_t stream) { return !over_ && machine_->chain() && machine_->chain()->stream() == stream; }
  void tell_progress();
  NodeStatus status_of(const wire::NodeRow& row) const;
  Awaitable<void> say_farewell();
  JobResult result() const;

  // What the machine decides.
  void send(wire::NodeId node, const wire::Message& message) override;
  void close(wire::NodeId node) override;
  void event(const std::string& text) override;
  void changed(const wire::NodeRow& row) override { observer_.node(status_of(row)); }
  void offered(const wire::NodeRow& row) override;
  void healed(const wire::NodeRow& row, const wire::NodeRow* upstream) override;
  std::vector<wire::DevicePassphrase> passphrases(const wire::NodeRow& row) override {
    return plan_.passphrases ? plan_.passphrases(status_of(row)) : std::vector<wire::DevicePassphrase>();
  }
  std::uint64_t random() override;
  std::optional<wire::StreamKeys> stream_keys() override;
  void stream_started(std::size_t session, unsigned round, unsigned members) override;
  void stream_moved() override;
  void stream_ended(bool whole) override;
  void ask_operator(const std::vector<wire::WriteRequest>& nodes) override;
  Awaitable<void> confirm(std::shared_ptr<JobRunner> self, std::vector<wire::WriteRequest> nodes);
  void settle();

  asio::io_context& io_;
  JobPlan plan_;
  JobObserver& observer_;
  tcp::acceptor control_;
  net::Door door_;
  std::optional<net::DiscoveryServer> discovery_;
  std::optional<net::HopServer> hops_;
  std::optional<wire::JobMachine> machine_;
  std::map<wire::NodeId, std::shared_ptr<net::ControlConnection>> connections_;
  std::vector<std::shared_ptr<net::ControlConnection>> leaving_;
  wire::AddressBudget messages_{messages_per_second, messages_at_once};
  wire::AddressBudget stages_{stages_per_second, stages_at_once};
  wire::Visitors visitors_;
  std::optional<std::uint32_t> speaker_;  ///< whose word the machine is hearing
  wire::BoundedLog log_{[this](const std::string& text) { observer_.event(text); }};
  wire::NodeId last_id_ = 0;
  const std::uint64_t server_id_ = random_number();
  wire::ChunkPool pool_;
  std::unique_ptr<ChunkSource> source_;  ///< of the running stream
  std::size_t session_ = 0;
  std::uint64_t session_bytes_ = 0, session_unpacked_ = 0;  ///< as sent, and as the source gave them
  Clock::time_point session_began_, progress_told_;
  std::vector<std::string> session_warnings_, warnings_;
  net::Signal ended_, moved_, known_;
  bool alone_ = false;  ///< no other server serves this; until then nobody is listened to
  bool over_ = false, interrupted_ = false;
};

Awaitable<JobResult> JobRunner::run() {
  auto self = shared_from_this();
  listen();
  plan_.opened();
  asio::co_spawn(io_, accept(self), asio::detached);
  co_await refuse_to_be_second();
  alone_ = true;
  known_.notify();
  observer_.listens();
  asio::co_spawn(io_, keep_time(self), asio::detached);
  while (!machine_->finished()) co_await ended_.wait();
  take_nobody_in();
  source_.reset();
  hops_->detach();
  moved_.notify();
  co_await say_farewell();
  co_return result();
}

void JobRunner::stop() {
  interrupted_ = true;
  if (machine_) machine_->stop(now());
  settle();
}

void JobRunner::listen() {
  raise_file_limit();
  boost::system::error_code error;
  tcp::endpoint at(plan_.listen, plan_.control_port);
  control_.open(tcp::v4(), error);
  control_.set_option(asio::socket_base::reuse_address(true), error);
  control_.bind(at, error);
  if (!error) control_.listen(asio::socket_base::max_listen_connections, error);
  const std::string port = std::to_string(plan_.control_port);
  if (error)
    throw Error("listen on TCP port " + port, error == asio::error::address_in_use
                                                  ? "it is taken: does another ka-server run here?"
                                                  : error.message());
  door_.guards(control_.native_handle());
  hops_.emplace(io_, plan_.listen, plan_.data_port, false);
  wire::JobOutput& decisions = *this;
  machine_.emplace(rules_of(plan_, hops_->port()), decisions);
  net::DiscoveryServer::Offer offer;
  offer.server = server_id_;
  offer.control_port = plan_.control_port;
  offer.serves = [this](const std::string& session) { return !over_ && machine_->serves(session); };
  discovery_.emplace(io_, plan_.listen, plan_.control_port, std::move(offer));
  event("Listening on TCP and UDP port " + port + ", data on TCP port " + std::to_string(hops_->port()));
}

// Nodes would not know whom to believe. Two servers that start at the same moment hear each other, and both end.
Awaitable<void> JobRunner::refuse_to_be_second() {
  net::Discovery question;
  question.session = plan_.sessions.front().name;
  question.port = plan_.control_port;
  question.local = plan_.listen;
  question.timeout = std::chrono::milliseconds(400);
  question.again = std::chrono::milliseconds(200);
  const std::string session = question.session;
  std::vector<net::FoundServer> found;
  std::string unasked;
  try {
    found = co_await net::discover(io_, std::move(question), server_id_);
  } catch (const Error& error) {
    unasked = words_of(error);
  }
  if (!unasked.empty()) event("Whether another server is there is not known: " + unasked);
  for (const net::FoundServer& other : found) {
    const std::string at = other.address.to_string();
    const bool ours = co_await is_of_this_site(other);
    if (!ours) {
      event("Somebody at " + at + " serves session " + session + ", too, and has not shown this server's key: nodes " +
            "that know the key pass it by");
      continue;
    }
    take_nobody_in();
    throw Error("serve session " + session, "the KA server at " + at + " does already");
  }
}

// Whoever has another key, or none, cannot keep this server from its nodes, and so not from its start. A server proves
// its key while it still looks for others itself, so two that start at the same moment find each other, and both end.
Awaitable<bool> JobRunner::is_of_this_site(net::FoundServer other) {
  if (!plan_.key) co_return true;
  try {
    const tcp::endpoint at(other.address, other.control_port);
    tcp::socket socket = co_await net::connect_to(io_, at, proof_limit);
    const auto connection = std::make_shared<net::ControlConnection>(std::move(socket));
    const auto give_up = [connection] { connection->close(); };
    const net::Deadline deadline(io_.get_executor(), proof_limit, give_up);
    co_await connection->greet_server(plan_.key->public_key());
    connection->close();
    co_return true;
  } catch (const Error&) {
    co_return false;
  }
}

Awaitable<void> JobRunner::accept(std::shared_ptr<JobRunner> self) {
  while (!over_) {
    auto [error, socket] = co_await control_.async_accept(asio::as_tuple(asio::use_awaitable));
    if (over_) co_return;
    if (error) {
      // Out of file descriptors: wait for others to close some.
      asio::steady_timer pause(io_, std::chrono::milliseconds(100));
      co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
      continue;
    }
    boost::system::error_code gone;
    const wire::Endpoint from = net::to_wire(socket.remote_endpoint(gone));
    if (gone) continue;
    const wire::NodeId id = ++last_id_;
    if (!may_stay(id, from.address)) {
      log_.refused(from.address);
      continue;  // the socket closes
    }
    net::Door::unfilter(socket.native_handle());
    auto connection = std::make_shared<net::ControlConnection>(std::move(socket));
    connections_.emplace(id, connection);
    machine_->connected(id, connection->remote(), now());
    asio::co_spawn(io_, converse(self, id), asio::detached);
  }
}

bool JobRunner::may_stay(wire::NodeId id, std::uint32_t address) {
  if (!door_.admits(address)) return false;
  const wire::Visitors::Answer answer = visitors_.come(id, address, now());
  if (answer.instead) drop(*answer.instead, "it joined nothing, and others came");
  return answer.welcome;
}

void JobRunner::drop(wire::NodeId id, const std::string& why) {
  visitors_.gone(id);
  auto found = connections_.find(id);
  if (found == connections_.end()) return;
  speaker_ = found->second->remote().address;
  found->second->close();
  connections_.erase(found);
  machine_->disconnected(id, why, now());
  speaker_.reset();
  settle();
}

// It is no node: somebody wants to know how far the job is.
void JobRunner::hand_over(wire::NodeId id) {
  const std::shared_ptr<net::ControlConnection> connection = connections_.at(id);
  visitors_.gone(id);
  connections_.erase(id);
  machine_->disconnected(id, "", now());
  plan_.followers(connection->release());
}

void JobRunner::take_nobody_in() {
  over_ = true;
  boost::system::error_code ignored;
  door_.guards(-1);
  control_.close(ignored);
  discovery_.reset();
  known_.notify();
}

// Or until it is known that this server is the second one.
Awaitable<void> JobRunner::until_alone() {
  while (!alone_ && !over_) co_await known_.wait();
}

// False: it is gone, or nobody is served here. Only a proof is given at once: another server may ask for it.
Awaitable<bool> JobRunner::greet(std::shared_ptr<net::ControlConnection> connection, wire::NodeId id) {
  std::string reason;
  if (!plan_.key) co_await until_alone();
  try {
    co_await connection->greet_node(plan_.key);
  } catch (const wire::NotWelcome& no) {
    reason = no.what();
  }
  co_await until_alone();
  if (!alone_) connection->close();
  if (over_ || connections_.count(id) == 0) co_return false;
  if (reason.empty()) co_return true;
  speaker_ = connection->remote().address;
  machine_->turn_away(id, reason, now());
  speaker_.reset();
  settle();
  co_return false;
}

Awaitable<void> JobRunner::converse(std::shared_ptr<JobRunner>, wire::NodeId id) {
  auto connection = connections_.at(id);
  const std::uint32_t address = connection->remote().address;
  asio::steady_timer pause(io_);
  std::string why;
  unsigned guest_said = 0;
  try {
    const bool follows = co_await connection->speaks_http();
    if (follows && plan_.followers && !over_) {
      hand_over(id);
      co_return;
    }
    const bool welcome = co_await greet(connection, id);
    if (!welcome) co_return;
    for (;;) {
      wire::Message message = co_await connection->receive();
      while (!over_ && !messages_.take(address, now())) {
        pause.expires_after(read_later);
        co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
      }
      if (over_) co_return;
      if (std::holds_alternative<wire::Stage>(message) && !stages_.take(address, now())) continue;
      speaker_ = address;
      machine_->message(id, message, now());
      speaker_.reset();
      settle();
      if (connections_.count(id) == 0) co_return;
      if (std::holds_alternative<wire::Join>(message)) visitors_.joined(id);
      if (visitors_.is_guest(id) && ++guest_said > most_messages_of_guest)
        throw Error("it says much and joins nothing");
    }
  } catch (const std::exception& error) {
    why = words_of(error);
  }
  if (over_)
    connection->close();
  else
    drop(id, why);
}

Awaitable<void> JobRunner::keep_time(std::shared_ptr<JobRunner>) {
  asio::steady_timer timer(io_);
  while (!over_) {
    timer.expires_after(tick_every);
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    if (over_) co_return;
    machine_->tick(now());
    hops_->moved();  // a stream that stands still is sealed now
    for (wire::NodeId id : visitors_.overdue(now())) drop(id, "it joined nothing");
    log_.tick(now());
    if (Clock::now() - progress_told_ >= progress_every) tell_progress();
    std::erase_if(leaving_, [](const auto& connection) { return connection->idle(); });
    settle();
  }
}

// After every word to the machine: has it come to its end?
void JobRunner::settle() {
  if (machine_ && machine_->finished()) ended_.notify();
}

// The stream.

void JobRunner::stream_started(std::size_t session, unsigned round, unsigned members) {
  session_ = session;
  session_bytes_ = session_unpacked_ = 0;
  session_began_ = progress_told_ = Clock::now();
  session_warnings_.clear();
  observer_.session_started(plan_.sessions[session], round, members);
  wire::Chain& chain = *machine_->chain();
  hops_->attach(chain.stream(), chain.ring(), chain.end_mark());
  asio::co_spawn(io_, pump(shared_from_this(), session), asio::detached);
}

void JobRunner::stream_moved() {
  moved_.notify();
  hops_->moved();
}

void JobRunner::stream_ended(bool whole) {
  hops_->detach();
  const std::uint64_t packed_in = source_ ? source_->packed_in() : 0, packed_out = source_ ? source_->packed_out() : 0;
  source_.reset();
  moved_.notify();
  if (!whole) {
    observer_.session_failed(plan_.sessions[session_]);
    return;
  }
  if (packed_in != 0) event("Packed " + format_size(packed_in) + " into " + format_size(packed_out));
  observer_.session_ended(plan_.sessions[session_], session_unpacked_, Clock::now() - session_began_,
                          session_warnings_);
  warnings_.insert(warnings_.end(), session_warnings_.begin(), session_warnings_.end());
}

// Where a member cannot unpack, nothing is packed.
std::unique_ptr<ChunkSource> JobRunner::chunks_of(const Session& what) {
  const bool plain = machine_->packing().empty();
  if (what.packed != 0 && !plain)
    return std::make_unique<ChunkSource>(io_, what.open(), ChunkSource::Packed{what.packed, what.expected});
  std::unique_ptr<Source> source = what.open();
  if (what.packed != 0) source = unpacking_source(io_, std::move(source), what.unpack);
  return std::make_unique<ChunkSource>(io_, std::move(source), plain ? "off" : what.compression, now(), what.pack);
}

// Reads the source as fast as the chain allows, to its end.
Awaitable<void> JobRunner::pump(std::shared_ptr<JobRunner>, std::size_t session) {
  const std::uint64_t stream = machine_->chain()->stream();
  std::string trouble;
  try {
    const Session& what = plan_.sessions[session];
    source_ = chunks_of(what);
    co_await send_source(stream);
    // Only now, with its exit status known, may anyone hear that the stream is whole.
    if (runs(stream)) {
      std::vector<std::string> warnings = co_await source_->finish();
      if (runs(stream)) session_warnings_ = std::move(warnings);
    }
  } catch (const std::exception& error) {
    trouble = words_of(error);
  }
  if (!runs(stream)) co_return;
  if (trouble.empty()) {
    tell_progress();
    machine_->source_ended(now());
  } else {
    event("The source of session " + plan_.sessions[session].name + " failed: " + trouble);
    machine_->source_failed(trouble, now());
  }
  settle();
}

Awaitable<void> JobRunner::send_source(std::uint64_t stream) {
  wire::Time waited{0};
  for (bool more = true; more;) {
    std::shared_ptr<wire::Chunk> chunk = pool_.get();
    more = co_await source_->fill(*chunk);
    if (!runs(stream)) co_return;
    if (chunk->header.length == 0) break;
    const wire::Time ready = now();
    machine_->chain()->limit_ahead(source_->read_ahead(machine_->chain()->window()));
    while (!machine_->chain()->may_read()) {
      co_await moved_.wait();
      if (!runs(stream)) co_return;
    }
    waited += now() - ready;
    session_bytes_ += chunk->header.length;
    session_unpacked_ = source_->unpacked();
    machine_->chain()->add(std::move(chunk));
    hops_->moved();
    source_->look(now(), session_bytes_, machine_->chain()->floor(), waited);
  }
}

void JobRunner::tell_progress() {
  if (!machine_->chain()) return;
  progress_told_ = Clock::now();
  Progress progress;
  progress.bytes = session_unpacked_;
  if (source_) {
    progress.packed_in = source_->packed_in();
    progress.packed_out = source_->packed_out();
  }
  progress.held_up_by = machine_->held_up_by();
  progress.held_up_node = machine_->held_up_row();
  const wire::Chain& chain = *machine_->chain();
  progress.window = chain.window();
  progress.held = chain.ring().end() - chain.floor();
  if (source_ && source_->packs() && progress.held_up_by == wire::JobMachine::source_itself)
    progress.held_up_by += " and its packing";
  observer_.session_progress(plan_.sessions[session_], progress);
}

// Decisions.

// What one address makes happen, as often as it likes, does not fill the log.
void JobRunner::event(const std::string& text) {
  if (speaker_)
    log_.line(*speaker_, text, now());
  else
    observer_.event(text);
}

void JobRunner::offered(const wire::NodeRow& row) {
  NodeStatus status = status_of(row);
  status.disks = row.disks;
  observer_.offered(status);
}

void JobRunner::healed(const wire::NodeRow& row, const wire::NodeRow* upstream) {
  const NodeStatus status = status_of(row);
  if (upstream == nullptr) return observer_.healed(status, nullptr);
  const NodeStatus from = status_of(*upstream);
  observer_.healed(status, &from);
}

void JobRunner::send(wire::NodeId node, const wire::Message& message) {
  auto found = connections_.find(node);
  if (found != connections_.end()) found->second->send(message);
}

void JobRunner::close(wire::NodeId node) {
  auto found = connections_.find(node);
  if (found == connections_.end()) return;
  visitors_.gone(node);
  found->second->close_after_sending();
  leaving_.push_back(found->second);
  connections_.erase(found);
}

void JobRunner::ask_operator(const std::vector<wire::WriteRequest>& nodes) {
  asio::co_spawn(io_, confirm(shared_from_this(), nodes), asio::detached);
}

Awaitable<void> JobRunner::confirm(std::shared_ptr<JobRunner>, std::vector<wire::WriteRequest> nodes) {
  bool yes = false;
  try {
    yes = co_await plan_.confirm(std::move(nodes));
  } catch (const std::exception& error) {
    event("The operator cannot be asked: " + words_of(error));
  }
  if (over_) co_return;
  interrupted_ = interrupted_ || !yes;
  machine_->confirmed(yes, now());
  settle();
}

std::uint64_t JobRunner::random() { return random_number(); }

std::optional<wire::StreamKeys> JobRunner::stream_keys() {
  if (!plan_.key) return std::nullopt;
  return wire::StreamKeys{wire::Signer(random_secret()), plan_.encrypted ? random_secret() : Secret()};
}

// Lets the last words go out before the connections close.
Awaitable<void> JobRunner::say_farewell() {
  for (const auto& [id, connection] : connections_) {
    connection->close_after_sending();
    leaving_.push_back(connection);
  }
  connections_.clear();
  log_.tick(now(), true);
  const auto deadline = Clock::now() + farewell_limit;
  asio::steady_timer timer(io_);
  auto unheard = [](const auto& connection) { return !connection->idle(); };
  while (Clock::now() < deadline && std::any_of(leaving_.begin(), leaving_.end(), unheard)) {
    timer.expires_after(std::chrono::milliseconds(10));
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  for (const auto& connection : leaving_) connection->close();
  leaving_.clear();
}

JobResult JobRunner::result() const {
  JobResult result;
  for (const wire::NodeRow& row : machine_->rows()) {
    result.nodes.push_back(status_of(row));
    result.nodes.back().identity = row.identity;
    result.nodes.back().disks = row.disks;
  }
  result.warnings = warnings_;
  result.done = machine_->done();
  result.interrupted = interrupted_;
  return result;
}

// Positions in a packed stream are told as what they stand for, so that percents and rates are those of the data.
NodeStatus JobRunner::status_of(const wire::NodeRow& row) const {
  const double scale =
      session_bytes_ == 0 ? 1 : static_cast<double>(session_unpacked_) / static_cast<double>(session_bytes_);
  NodeStatus status;
  status.number = row.number;
  status.address = row.at.address_text();
  status.host_name = row.host_name;
  status.hardware_address = row.hardware_address;
  status.state = row.state;
  status.stage = row.stage;
  status.reason = row.reason;
  status.failures = row.failures;
  status.received = static_cast<std::uint64_t>(static_cast<double>(row.received) * scale);
  status.sunk = static_cast<std::uint64_t>(static_cast<double>(row.sunk) * scale);
  status.rate = row.rate * scale;
  status.round = row.round;
  status.order = row.order;
  return status;
}

// Coroutines that outlive run() by a moment share the runner.
class SharedJob final : public Job {
 public:
  explicit SharedJob(std::shared_ptr<JobRunner> runner) : runner_(std::move(runner)) {}
  Awaitable<JobResult> run() override { return runner_->run(); }
  void stop() override { runner_->stop(); }

 private:
  std::shared_ptr<JobRunner> runner_;
};

}  // namespace

std::unique_ptr<Job> make_job(asio::io_context& io, JobPlan plan, JobObserver& observer) {
  return std::make_unique<SharedJob>(std::make_shared<JobRunner>(io, std::move(plan), observer));
}

}  // namespace ka::server
