#include "agent/link/server_link.h"

#include <deque>
#include <exception>
#include <utility>

#include "agent/link/hop_reader.h"
#include "agent/link/memory.h"
#include "agent/link/unpacking_sink.h"
#include "base/random.h"
#include "net/connect.h"
#include "net/control_connection.h"
#include "net/deadline.h"
#include "net/hop_server.h"
#include "net/signal.h"
#include "wire/node_stream.h"

namespace ka::agent {

using asio::ip::tcp;
using Clock = std::chrono::steady_clock;

namespace {

constexpr auto connect_limit = std::chrono::seconds(3);
constexpr auto report_every = std::chrono::milliseconds(100);
constexpr auto server_silence_limit = std::chrono::seconds(10);  // it pings four times a second
constexpr auto late = std::chrono::milliseconds(500);            // this program itself did not run
constexpr auto failed_limit = std::chrono::seconds(3);

std::chrono::microseconds micros_since(Clock::time_point start) {
  return std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start);
}

Awaitable<tcp::socket> connect_to(asio::io_context& io, tcp::endpoint to) {
  return net::connect_to(io, to, connect_limit);
}

// One receive(): the stream and who works on it.
struct Run {
  Run(asio::io_context& io, Sink& s) : sink(&s), changed(io), data(io), room(io) {}

  Sink* sink;
  std::optional<wire::Start> start;
  std::optional<wire::NodeStream> stream;
  std::exception_ptr trouble;  // why this run ends early
  bool finished = false;       // and the server was told
  bool confirmed = false;      // and it answered that this is so
  std::uint64_t reported = 0;  // received, as last reported
  net::Signal changed;         // start, trouble, confirmed
  net::Signal data;            // more for the sink
  net::Signal room;            // the sink took some
  std::shared_ptr<tcp::socket> upstream;
};

struct State : std::enable_shared_from_this<State> {
  State(asio::io_context& io, std::shared_ptr<net::ControlConnection> connection)
      : io(io),
        control(std::move(connection)),
        hops(io, asio::ip::address_v4::any(), wire::data_port, true),
        news(io) {}

  asio::io_context& io;
  std::shared_ptr<net::ControlConnection> control;
  net::HopServer hops;
  wire::ChunkPool pool;
  std::shared_ptr<Run> run;
  net::Signal news;  // released, heard, may_write, told, lost
  bool released = false, heard = false;
  std::optional<std::uint64_t> question;            // asked, and not answered
  std::vector<wire::DevicePassphrase> passphrases;  // that came with the yes
  bool may_write = false;
  std::deque<std::exception_ptr> told;  // its noes while no session ran; the next steps throw them
  std::optional<std::string> lost;
  std::uint64_t ring = 0;  // as offered
  std::string tools_root;
  bool starts_round = false;
  Clock::time_point last_word = Clock::now();

  Awaitable<void> listen(std::shared_ptr<State> self);
  Awaitable<void> keep_time(std::shared_ptr<State> self);
  Awaitable<void> fetch(std::shared_ptr<State> self, std::shared_ptr<Run> run);
  Awaitable<void> fetch_chunks(std::shared_ptr<Run> run, std::shared_ptr<tcp::socket> socket);

  void handle(const wire::Message& message);
  void begin_stream(const wire::Start& start);
  void take_no(std::exception_ptr no);
  void throw_what_was_told();
  void report_position(Run& run);
  void fall_back(wire::NodeStream& stream);
  void end_run(std::exception_ptr trouble);
  void lose(const std::string& why);
  void shut_down();
};

Awaitable<void> State::listen(std::shared_ptr<State>) {
  std::string why;
  try {
    for (;;) {
      wire::Message message = co_await control->receive();
      last_word = Clock::now();
      handle(message);
    }
  } catch (const std::exception& error) {
    why = error.what();
  }
  lose(why);
}

// Reports where this node is, and notices a server that has vanished without a word.
Awaitable<void> State::keep_time(std::shared_ptr<State>) {
  asio::steady_timer timer(io);
  Clock::time_point last = Clock::now();
  while (!lost) {
    timer.expires_after(report_every);
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    // What the server said while this program was stopped is unread still.
    const Clock::duration missed = Clock::now() - last - report_every;
    if (missed > late) last_word = std::min(Clock::now(), last_word + missed);
    last = Clock::now();
    if (run && run->stream && !run->finished) report_position(*run);
    if (Clock::now() - last_word > server_silence_limit) lose("it said nothing for 10 seconds");
  }
}

void State::handle(const wire::Message& message) {
  if (const auto* ping = std::get_if<wire::Ping>(&message)) {
    control->send(wire::Pong{ping->token});
  } else if (const auto* start = std::get_if<wire::Start>(&message)) {
    begin_stream(*start);
  } else if (const auto* link = std::get_if<wire::Link>(&message)) {
    if (run && run->stream && run->stream->link(*link))
      asio::co_spawn(io, fetch(shared_from_this(), run), asio::detached);
  } else if (const auto* over = std::get_if<wire::Over>(&message)) {
    if (!run || !run->finished || run->stream->stream() != over->stream) return;
    run->confirmed = true;
    run->changed.notify();
  } else if (const auto* may = std::get_if<wire::MayWrite>(&message)) {
    if (question != may->question) return;  // one that is not asked (any more)
    may_write = true;
    passphrases = may->passphrases;
    news.notify();
  } else if (const auto* out = std::get_if<wire::PutOut>(&message)) {
    take_no(std::make_exception_ptr(PutOut("taken out of the round", out->reason)));
  } else if (const auto* failed = std::get_if<wire::StreamFailed>(&message)) {
    take_no(std::make_exception_ptr(Error("the stream is of no use", failed->reason)));
  } else if (const auto* refused = std::get_if<wire::Refused>(&message)) {
    take_no(std::make_exception_ptr(Error("the KA server refuses this node", refused->reason)));
  } else if (std::holds_alternative<wire::Release>(message)) {
    released = true;
    news.notify();
  } else if (std::holds_alternative<wire::Heard>(message)) {
    heard = true;
    news.notify();
  }
}

void State::begin_stream(const wire::Start& start) {
  if (!run || run->start || run->trouble) return;
  try {
    run->stream.emplace(start, ring);
  } catch (const wire::ProtocolError& error) {
    control->send(wire::Failed{error.what()});
    end_run(std::make_exception_ptr(Error("begin session " + start.session, error.what())));
    return;
  }
  run->start = start;
  hops.attach(start.stream, run->stream->ring(), run->stream->end_mark());
  run->changed.notify();
}

// The server's no is for the session that runs, or else for whatever this node asks for next.
void State::take_no(std::exception_ptr no) {
  if (run && !run->trouble && !run->confirmed) {
    end_run(no);
    return;
  }
  told.push_back(no);
  news.notify();
}

void State::throw_what_was_told() {
  if (!told.empty()) {
    const std::exception_ptr no = told.front();
    told.pop_front();
    std::rethrow_exception(no);
  }
  if (lost) throw ServerLost("the KA server is lost", *lost);
}

void State::report_position(Run& run) {
  run.stream->relayed(hops.busy());
  control->send(run.stream->position());
  run.reported = run.stream->position().received;
}

// What is not proved may be something else than what the next upstream has.
void State::fall_back(wire::NodeStream& stream) {
  if (const std::optional<std::uint64_t> from = stream.fall_back()) hops.went_back(*from);
}

void State::lose(const std::string& why) {
  if (lost) return;
  lost = why;
  control->close();
  news.notify();
  // Also when all is here: whether it is what the server sent, only the server knows.
  if (run && !run->confirmed) end_run(std::make_exception_ptr(ServerLost("the KA server is lost", why)));
}

void State::end_run(std::exception_ptr trouble) {
  if (!run || run->trouble || run->confirmed) return;
  run->trouble = trouble;
  hops.detach();
  boost::system::error_code ignored;
  if (run->upstream) run->upstream->close(ignored);
  if (!run->finished) run->sink->abort();
  run->changed.notify();
  run->data.notify();
  run->room.notify();
}

void State::shut_down() {
  hops.detach();
  if (!lost) lost = "closed";
  control->close_after_sending();
  news.notify();
}

// Gets the stream from the upstream of the present epoch, until another epoch begins or all is there.
Awaitable<void> State::fetch(std::shared_ptr<State>, std::shared_ptr<Run> run) {
  wire::NodeStream& stream = *run->stream;
  const std::uint32_t epoch = stream.epoch();
  boost::system::error_code ignored;
  if (run->upstream) run->upstream->close(ignored);
  run->upstream.reset();
  if (!stream.goes_on()) fall_back(stream);
  std::string why;
  bool forged = false;
  try {
    wire::Endpoint from = stream.upstream();
    if (from.address == 0) from.address = control->remote().address;
    tcp::socket connected = co_await connect_to(io, net::from_wire(from));
    if (stream.epoch() != epoch || run->trouble) co_return;
    auto socket = std::make_shared<tcp::socket>(std::move(connected));
    run->upstream = socket;
    co_await fetch_chunks(run, socket);
  } catch (const wire::Forged& error) {
    forged = true;
    why = error.what();
  } catch (const std::exception& error) {
    why = error.what();
  }
  if (stream.epoch() != epoch || run->trouble || lost) co_return;
  report_position(*run);
  if (stream.whole()) co_return;
  // What is refused is not left to wait: whoever sends it would hold it, and its connection, for ever.
  if (run->upstream) run->upstream->close(ignored);
  run->upstream.reset();
  wire::UpstreamLost report{stream.stream(), epoch, stream.ring().end(), forged, why};
  if (forged) fall_back(stream);
  control->send(report);
}

Awaitable<void> State::fetch_chunks(std::shared_ptr<Run> run, std::shared_ptr<tcp::socket> socket) {
  wire::NodeStream& stream = *run->stream;
  net::set_common_options(*socket);
  const std::string open = wire::encode(stream.hop_open());
  auto said = asio::buffer(open);
  co_await asio::async_write(*socket, said, asio::use_awaitable);
  HopReader reader(*socket);
  while (run->upstream == socket && !run->trouble) {
    wire::ChunkHeader next = co_await reader.header();
    if (next.kind == wire::ChunkHeader::Kind::end) {
      stream.take_end(next);
      hops.moved();
      run->data.notify();
      co_return;
    }
    if (next.kind == wire::ChunkHeader::Kind::back) {
      stream.take_back(next.offset);
      hops.went_back(next.offset);
      continue;
    }
    const bool seal = next.kind == wire::ChunkHeader::Kind::seal;
    while (!seal && !stream.room() && run->upstream == socket && !run->trouble) co_await run->room.wait();
    std::shared_ptr<wire::Chunk> chunk = pool.get(next.length);
    chunk->header = next;
    std::span<std::byte> room(chunk->room.get(), next.length);
    co_await reader.bytes(room);
    if (run->upstream != socket || run->trouble) co_return;
    if (seal) {
      stream.take_seal(std::move(chunk));
    } else {
      stream.take(std::move(chunk));
    }
    hops.moved();
    run->data.notify();
    if (stream.position().received - run->reported >= run->start->window / 8) report_position(*run);
  }
}

class Link final : public ServerLink {
 public:
  explicit Link(std::shared_ptr<State> state) : state_(std::move(state)) {}
  ~Link() override { state_->shut_down(); }

  Awaitable<ReceiveStats> receive(std::string session, Sink& sink) override;
  Awaitable<std::vector<wire::DevicePassphrase>> ask_to_write(std::vector<wire::DiskOffer> disks) override;
  void report(std::string stage) override { state_->control->send(wire::Stage{std::move(stage)}); }
  void tell_identity(std::vector<wire::IdentityNote> notes) override {
    state_->control->send(wire::Identity{wire::fitted(std::move(notes))});
  }
  Awaitable<void> done() override;
  Awaitable<void> failed(std::string reason) override;

 private:
  static Awaitable<void> feed_sink(std::shared_ptr<Run> run, UnpackingSink* unpacking);

  std::shared_ptr<State> state_;
};

Awaitable<ReceiveStats> Link::receive(std::string session, Sink& sink) {
  auto state = state_;
  auto run = std::make_shared<Run>(state->io, sink);
  try {
    state->throw_what_was_told();
  } catch (...) {
    sink.abort();
    throw;
  }
  state->run = run;
  state->control->send(wire::Join{session});
  if (std::exchange(state->starts_round, false)) state->control->send(wire::Go{});
  while (!run->start && !run->trouble) co_await run->changed.wait();

  const auto started = Clock::now();
  std::exception_ptr trouble;
  std::optional<UnpackingSink> unpacking;
  try {
    if (run->stream && run->stream->packing() && !run->trouble) {
      unpacking.emplace(state->io, sink, state->tools_root);
      run->sink = &*unpacking;
    }
    if (!run->trouble) co_await feed_sink(run, unpacking ? &*unpacking : nullptr);
  } catch (const std::exception& error) {
    trouble = std::current_exception();
    if (!run->trouble) {
      state->control->send(wire::Failed{error.what()});
      state->end_run(trouble);
    }
  }
  if (!trouble && !run->trouble) {
    wire::Finished finished{run->start->stream, run->stream->end_mark()->offset, run->stream->end_mark()->digest};
    state->control->send(finished);
    run->finished = true;
    // Until the server has found the digest right and no later node needs what is held here.
    while (!run->confirmed && !run->trouble) co_await run->changed.wait();
  }
  state->hops.detach();
  state->run.reset();
  if (run->trouble) std::rethrow_exception(run->trouble);
  co_return ReceiveStats{unpacking ? unpacking->passed_on() : run->stream->end_mark()->offset, Clock::now() - started};
}

// `unpacking` is run->sink, if the stream has packed chunks.
Awaitable<void> Link::feed_sink(std::shared_ptr<Run> run, UnpackingSink* unpacking) {
  wire::NodeStream& stream = *run->stream;
  std::vector<std::byte> plain(stream.cipher().empty() ? 0 : wire::longest_chunk);
  while (!run->trouble) {
    wire::ChunkPtr chunk = stream.for_sink();
    if (!chunk) {
      if (stream.all_sunk()) break;
      co_await run->data.wait();
      continue;
    }
    const auto began = Clock::now();
    std::span<const std::byte> bytes = chunk->bytes();
    if (!plain.empty()) {
      wire::scramble(stream.cipher(), chunk->header.offset, bytes, plain.data());
      bytes = std::span(plain).first(bytes.size());
    }
    if (chunk->header.packed) {
      co_await unpacking->write_packed(bytes);
    } else {
      co_await run->sink->write(bytes);
    }
    stream.sunk(*chunk, micros_since(began));
    run->room.notify();
  }
  if (!run->trouble) co_await run->sink->close();
}

Awaitable<std::vector<wire::DevicePassphrase>> Link::ask_to_write(std::vector<wire::DiskOffer> disks) {
  auto state = state_;
  state->throw_what_was_told();
  wire::Ready ready;
  ready.question = random_number();
  ready.disks = wire::fitted(std::move(disks));
  state->question = ready.question;
  state->may_write = false;
  state->control->send(ready);
  while (!state->may_write && state->told.empty() && !state->lost) co_await state->news.wait();
  state->question.reset();
  // A no that came behind the yes is a no.
  state->throw_what_was_told();
  co_return std::exchange(state->passphrases, {});
}

Awaitable<void> Link::done() {
  auto state = state_;
  state->throw_what_was_told();
  state->control->send(wire::Done{});
  while (!state->released && state->told.empty() && !state->lost) co_await state->news.wait();
  if (!state->released) state->throw_what_was_told();
}

Awaitable<void> Link::failed(std::string reason) {
  auto state = state_;
  state->heard = false;
  state->control->send(wire::Failed{std::move(reason)});
  asio::steady_timer limit(state->io, failed_limit);
  auto stop_waiting = [state](boost::system::error_code error) {
    if (error) return;
    state->heard = true;
    state->news.notify();
  };
  limit.async_wait(stop_waiting);
  while (!state->heard && !state->lost) co_await state->news.wait();
}

}  // namespace

Awaitable<std::vector<ServerAddress>> discover(asio::io_context& io, net::Discovery what, std::string how_to_choose,
                                               bool knows_keys) {
  const std::string session = what.session;
  std::vector<net::FoundServer> found = co_await net::discover(io, std::move(what));
  if (found.size() > 1 && !knows_keys) {
    const std::string both =
        "both " + found[0].address.to_string() + " and " + found[1].address.to_string() + " serve it; ";
    throw Error("choose the KA server of session " + session, both + how_to_choose);
  }
  // Whoever answers first, or often, is not asked first for that.
  for (std::size_t left = found.size(); left > 1; --left) std::swap(found[left - 1], found[random_number() % left]);
  std::vector<ServerAddress> servers;
  for (const net::FoundServer& server : found) servers.push_back({server.address, server.control_port});
  co_return servers;
}

namespace {

// Closes the connection unless it is answered in time.
net::Deadline answer_limit(asio::io_context& io, std::shared_ptr<net::ControlConnection> control) {
  return {io.get_executor(), connect_limit, [control] { control->close(); }};
}

// A connection whose other side has shown that it has the key, if there is one. Throws wire::Unproven, ServerLost, or
// Error when a server that has to show nothing refuses.
Awaitable<std::shared_ptr<net::ControlConnection>> greeted(asio::io_context& io, ServerAddress server,
                                                           std::optional<wire::PublicKey> key) {
  try {
    const tcp::endpoint at(server.address, server.control_port);
    tcp::socket socket = co_await connect_to(io, at);
    auto control = std::make_shared<net::ControlConnection>(std::move(socket));
    const net::Deadline limit = answer_limit(io, control);
    co_await control->greet_server(key);
    co_return control;
  } catch (const wire::Unproven&) {
    throw;
  } catch (const wire::TurnedAway& no) {
    throw Error("join the KA server " + server.address.to_string(), no.what());
  } catch (const std::exception& error) {
    throw ServerLost("say hello to the KA server", error.what());
  }
}

std::string fingerprints(const std::vector<wire::PublicKey>& keys) {
  std::string text;
  for (const wire::PublicKey& key : keys) text += (text.empty() ? "" : ", ") + wire::fingerprint(key);
  return text;
}

// With whichever of the keys it has: each is tried on a connection of its own.
Awaitable<std::shared_ptr<net::ControlConnection>> greeted_with_one_of(asio::io_context& io, ServerAddress server,
                                                                       std::vector<wire::PublicKey> keys) {
  std::string why;
  for (const wire::PublicKey& key : keys) {
    try {
      co_return co_await greeted(io, server, key);
    } catch (const wire::Unproven& unproven) {
      why = unproven.what();
    }
  }
  throw NotProven("join the KA server " + server.address.to_string(),
                  "it has not shown the key that this node knows (" + fingerprints(keys) + "): " + why +
                      ". If it is yours, start it with that key (ka-server --key), or give this node its key (" +
                      "kakey=, ka-client --key)");
}

}  // namespace

Awaitable<std::unique_ptr<ServerLink>> connect(asio::io_context& io, ServerAddress server, NodeIdentity identity) {
  const std::string doing = "join the KA server " + server.address.to_string();
  std::shared_ptr<net::ControlConnection> control;
  if (identity.server_keys.empty())
    control = co_await greeted(io, server, std::nullopt);
  else
    control = co_await greeted_with_one_of(io, server, identity.server_keys);
  auto state = std::make_shared<State>(io, control);
  state->tools_root = identity.tools_root;
  state->starts_round = identity.starts_round;
  wire::Introduction who;
  who.clones = identity.clones;
  if (!identity.tools_root.empty() || can_unpack("")) who.features |= wire::feature_zstd;
  who.data_port = state->hops.port();
  who.ring = state->ring = memory_for_stream();
  who.host_name = identity.host_name;
  who.hardware_address = identity.hardware_address;
  who.token = identity.token;
  control->send(who);
  std::string why;
  std::optional<wire::Message> answer;
  try {
    const net::Deadline limit = answer_limit(io, control);
    answer = co_await control->receive();
  } catch (const std::exception& error) {
    why = error.what();
  }
  if (!answer) throw ServerLost("say hello to the KA server", why);
  if (const auto* refused = std::get_if<wire::Refused>(&*answer)) throw Error(doing, "it refuses: " + refused->reason);
  if (!std::holds_alternative<wire::Admitted>(*answer)) throw Error(doing, "it did not answer as a KA server does");
  asio::co_spawn(io, state->listen(state), asio::detached);
  asio::co_spawn(io, state->keep_time(state), asio::detached);
  std::unique_ptr<ServerLink> link = std::make_unique<Link>(state);
  co_return link;
}

Awaitable<MetServer> meet(asio::io_context& io, std::vector<ServerAddress> servers, NodeIdentity identity,
                          std::function<void(const std::string&)> say) {
  constexpr std::size_t most = 16;
  if (servers.size() > most) servers.resize(most);
  std::exception_ptr trouble = std::make_exception_ptr(ServerLost("meet a KA server", "there is none"));
  for (const ServerAddress& server : servers) {
    std::string why_not;
    try {
      MetServer met;
      met.link = co_await connect(io, server, identity);
      met.server = server;
      co_return met;
    } catch (const ServerLost& error) {
      trouble = std::current_exception();
      why_not = error.what();
    }
    if (&server != &servers.back()) say(why_not);
  }
  std::rethrow_exception(trouble);
}

}  // namespace ka::agent
