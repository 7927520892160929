#include "net/hop_server.h"

#include <algorithm>
#include <array>
#include <list>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "net/control_connection.h"
#include "net/door.h"
#include "net/tcp_busy.h"

namespace ka::net {

namespace {

// Strangers may connect too: so many at a time, in all and from one address, and so long until one has said what it
// wants. An address that connects more often than any node does is not looked at.
constexpr std::size_t most_unopened = 64, most_unopened_per_address = 8;
constexpr auto open_limit = std::chrono::seconds(5);
// One member comes behind this one; others that know the stream are bounded too.
constexpr std::size_t most_served = 8;
constexpr double connections_per_second = 16, connections_at_once = 64;
constexpr std::size_t most_chunks_at_once = 4;

/// Chunks, and what has a header alone, that are written with one call.
class Batch {
 public:
  void clear() { items_.clear(); }
  void add(wire::ChunkPtr chunk) {
    std::string header = wire::encode(chunk->header);
    items_.push_back({std::move(header), std::move(chunk)});
  }
  void add(const wire::ChunkHeader& mark) { items_.push_back({wire::encode(mark), nullptr}); }
  bool empty() const { return items_.empty(); }
  bool full() const { return items_.size() >= most_chunks_at_once; }

  std::vector<asio::const_buffer> buffers() const {
    std::vector<asio::const_buffer> pieces;
    for (const Item& item : items_) {
      pieces.push_back(asio::buffer(item.header));
      if (item.chunk) pieces.push_back(asio::buffer(item.chunk->bytes().data(), item.chunk->bytes().size()));
    }
    return pieces;
  }

 private:
  struct Item {
    std::string header;
    wire::ChunkPtr chunk;
  };
  std::vector<Item> items_;
};

// Asio's own transfer_all hands the kernel 64 KiB a call: a chunk's last bytes would be a call and a packet of their
// own.
std::size_t all_at_once(const boost::system::error_code& error, std::size_t) {
  return error ? 0 : most_chunks_at_once * (wire::chunk_header_size + wire::longest_chunk);
}

}  // namespace

struct HopServer::State : std::enable_shared_from_this<State> {
  explicit State(asio::io_context& io)
      : io(io), acceptor(io), door(io, connections_per_second, connections_at_once), more(io) {}

  struct Caller {
    Caller(tcp::socket s, std::uint32_t from, asio::io_context& io)
        : socket(std::move(s)), address(from), patience(io) {}
    tcp::socket socket;
    std::uint32_t address;
    asio::steady_timer patience;
    std::chrono::microseconds busy_before{0};  // when it became the newest
    std::optional<wire::HopOpen> open;
    wire::Place place;                  // of what it is fed next
    std::optional<std::uint64_t> back;  // what it may have behind this was taken back
  };

  asio::io_context& io;
  tcp::acceptor acceptor;
  Door door;
  Signal more;
  std::list<std::shared_ptr<Caller>> unopened;
  std::list<std::shared_ptr<Caller>> served;  // the newest last; one of each address
  std::uint64_t stream = 0;
  const wire::Ring* ring = nullptr;
  const std::optional<wire::ChunkHeader>* end = nullptr;
  std::chrono::microseconds busy{0};  // of the newest ones that are gone

  Awaitable<void> accept(std::shared_ptr<State> self);
  Awaitable<void> greet(std::shared_ptr<State> self, std::shared_ptr<Caller> caller);
  Awaitable<void> feed(std::shared_ptr<State> self, std::shared_ptr<Caller> caller);
  void serve(std::shared_ptr<Caller> caller);
  static bool is_behind(const std::shared_ptr<Caller>& a, const std::shared_ptr<Caller>& b) {
    return a->place.offset < b->place.offset;
  }
  static void close(Caller& caller) {
    boost::system::error_code ignored;
    caller.socket.close(ignored);
  }
  // What counts is the link to the newest alone: an older one may be to somebody who has died.
  std::chrono::microseconds newest_busy() const {
    if (served.empty()) return std::chrono::microseconds(0);
    return tcp_busy(served.back()->socket.native_handle()) - served.back()->busy_before;
  }
  void let_go(std::shared_ptr<Caller> caller) {
    const bool newest = caller == served.back();
    if (newest) busy += newest_busy();
    close(*caller);
    served.remove(caller);
    if (newest && !served.empty()) served.back()->busy_before = tcp_busy(served.back()->socket.native_handle());
  }
  void let_all_go() {
    while (!served.empty()) let_go(served.back());
  }
  bool serves(const std::shared_ptr<Caller>& caller) const {
    return std::find(served.begin(), served.end(), caller) != served.end();
  }
  void forget_oldest() {
    close(*unopened.front());
    unopened.pop_front();
  }
  void make_room(std::uint32_t address);
};

HopServer::HopServer(asio::io_context& io, asio::ip::address_v4 address, std::uint16_t port, bool any_port_will_do)
    : state_(std::make_shared<State>(io)) {
  tcp::acceptor& acceptor = state_->acceptor;
  boost::system::error_code error;
  acceptor.open(tcp::v4(), error);
  acceptor.set_option(asio::socket_base::reuse_address(true), error);
  acceptor.bind(tcp::endpoint(address, port), error);
  if (error && any_port_will_do) acceptor.bind(tcp::endpoint(address, 0), error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error && any_port_will_do) {
    // Two sockets may share a port with SO_REUSEADDR until one of them listens.
    acceptor.close();
    acceptor.open(tcp::v4(), error);
    acceptor.bind(tcp::endpoint(address, 0), error);
    if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  }
  if (error) throw Error("listen for data on TCP port " + std::to_string(port), error.message());
  state_->door.guards(acceptor.native_handle());
  asio::co_spawn(io, state_->accept(state_), asio::detached);
}

HopServer::~HopServer() {
  detach();
  boost::system::error_code ignored;
  state_->door.guards(-1);
  state_->acceptor.close(ignored);
  while (!state_->unopened.empty()) state_->forget_oldest();
}

std::uint16_t HopServer::port() const { return state_->acceptor.local_endpoint().port(); }

void HopServer::attach(std::uint64_t stream, const wire::Ring& ring, const std::optional<wire::ChunkHeader>& end) {
  detach();
  state_->stream = stream;
  state_->busy = std::chrono::microseconds(0);
  state_->ring = &ring;
  state_->end = &end;
  // The next node may have been faster than the word that the session begins.
  auto callers = state_->unopened;
  for (auto& caller : callers) {
    if (caller->open) state_->serve(caller);
  }
}

void HopServer::moved() { state_->more.notify(); }

void HopServer::went_back(std::uint64_t offset) {
  for (const auto& caller : state_->served) caller->back = std::min(caller->back.value_or(offset), offset);
  state_->more.notify();
}

std::chrono::microseconds HopServer::busy() const { return state_->busy + state_->newest_busy(); }

void HopServer::detach() {
  state_->stream = 0;
  state_->ring = nullptr;
  state_->end = nullptr;
  state_->let_all_go();
  state_->more.notify();
}

Awaitable<void> HopServer::State::accept(std::shared_ptr<State> self) {
  while (acceptor.is_open()) {
    auto [error, socket] = co_await acceptor.async_accept(asio::as_tuple(asio::use_awaitable));
    if (error == asio::error::operation_aborted) co_return;
    if (error) {
      // Out of file descriptors: let others close some.
      asio::steady_timer pause(io, std::chrono::milliseconds(100));
      co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
      continue;
    }
    boost::system::error_code gone;
    const wire::Endpoint from = to_wire(socket.remote_endpoint(gone));
    if (gone || !door.admits(from.address)) continue;  // the socket closes
    Door::unfilter(socket.native_handle());
    make_room(from.address);
    set_common_options(socket);
    auto caller = std::make_shared<Caller>(std::move(socket), from.address, io);
    unopened.push_back(caller);
    asio::co_spawn(io, greet(self, caller), asio::detached);
  }
}

// An address makes room for its own; when there are too many in all, whoever has waited longest does.
void HopServer::State::make_room(std::uint32_t address) {
  auto same = [address](const auto& caller) { return caller->address == address; };
  if (std::count_if(unopened.begin(), unopened.end(), same) >= static_cast<std::ptrdiff_t>(most_unopened_per_address)) {
    auto oldest = std::find_if(unopened.begin(), unopened.end(), same);
    close(**oldest);
    unopened.erase(oldest);
  }
  if (unopened.size() >= most_unopened) forget_oldest();
}

Awaitable<void> HopServer::State::greet(std::shared_ptr<State> self, std::shared_ptr<Caller> caller) {
  auto give_up = [weak = std::weak_ptr<State>(self), caller](boost::system::error_code error) {
    auto state = weak.lock();
    if (error || !state || state->serves(caller)) return;
    close(*caller);
    state->unopened.remove(caller);
  };
  caller->patience.expires_after(open_limit);
  caller->patience.async_wait(give_up);
  std::array<char, wire::hop_open_size> said;
  auto buffer = asio::buffer(said);
  auto [error, size] = co_await asio::async_read(caller->socket, buffer, asio::as_tuple(asio::use_awaitable));
  if (!error) {
    try {
      caller->open = wire::parse_hop_open({said.data(), size});
      serve(caller);
      co_return;
    } catch (const wire::ProtocolError&) {
      // A stranger.
    }
  }
  caller->patience.cancel();
  close(*caller);
  unopened.remove(caller);
}

// Feeds the caller if it wants the running stream; one of another stream may be early. The newest hop of an address
// takes the place of its older one. A member whose hop has moved elsewhere closes the old one itself, so no epoch that
// somebody claims, however high, cuts off another address.
void HopServer::State::serve(std::shared_ptr<Caller> caller) {
  if (ring == nullptr || caller->open->stream != stream) return;
  caller->patience.cancel();
  unopened.remove(caller);
  auto same = [&](const auto& other) { return other->address == caller->address; };
  auto before = std::find_if(served.begin(), served.end(), same);
  const bool older = before != served.end() && (*before)->open->epoch > caller->open->epoch;
  if (older || !ring->can_serve(caller->open->offset)) {
    close(*caller);
    return;
  }
  if (before != served.end()) let_go(*before);
  if (served.size() >= most_served) let_go(*std::min_element(served.begin(), served.end(), is_behind));
  busy += newest_busy();
  caller->place = {caller->open->offset, 0};
  served.push_back(caller);
  more.notify();
  asio::co_spawn(io, feed(shared_from_this(), caller), asio::detached);
}

// As many chunks as lie there at once: each write costs the same, whatever it holds.
Awaitable<void> HopServer::State::feed(std::shared_ptr<State>, std::shared_ptr<Caller> caller) {
  Batch batch;
  while (serves(caller) && caller->socket.is_open()) {
    batch.clear();
    wire::Place next = caller->place;
    if (const auto back = std::exchange(caller->back, std::nullopt); back && *back < next.offset) {
      batch.add(wire::back_to(*back));
      next = {*back, 0};
    }
    if (!ring->can_serve(next.offset)) break;
    while (!batch.full()) {
      wire::ChunkPtr chunk = ring->next(next);
      if (!chunk) break;
      batch.add(std::move(chunk));
    }
    const bool ends = !batch.full() && *end && (*end)->offset == next.offset;
    if (ends) batch.add(**end);
    if (batch.empty()) {
      co_await more.wait();
      continue;
    }
    auto [error, size] =
        co_await asio::async_write(caller->socket, batch.buffers(), all_at_once, asio::as_tuple(asio::use_awaitable));
    (void)size;
    if (error) break;
    if (ends) co_return;  // the receiver closes
    caller->place = next;
  }
  if (serves(caller)) let_go(caller);
}

}  // namespace ka::net
