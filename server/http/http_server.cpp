#include "server/http/http_server.h"

#include <algorithm>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <list>
#include <span>

#include "base/error.h"
#include "net/door.h"

namespace ka::server {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;

namespace {

constexpr auto farewell_limit = std::chrono::seconds(2);
constexpr std::size_t most_of_request = 8 << 10;
constexpr int stream_buffer = 256 << 10;  // of the kernel's, for one who reads a stream slowly

template <typename Body>
http::response<Body> head_of(const HttpAnswer& answer, unsigned version, bool keep_alive) {
  http::response<Body> response;
  response.version(version);
  response.result(answer.status);
  response.keep_alive(keep_alive);
  response.set(http::field::content_type, answer.type);
  for (const auto& [name, value] : answer.fields) response.set(name, value);
  return response;
}

// What was read is no request, where other errors are a connection's.
bool is_nonsense(const boost::system::error_code& error) {
  return error.category() == http::make_error_code(http::error::bad_method).category() &&
         error != http::error::end_of_stream && error != http::error::partial_message;
}

}  // namespace

struct HttpServer::State : std::enable_shared_from_this<HttpServer::State> {
  using Request = http::request<http::empty_body>;

  struct Guest {
    std::uint32_t address;
    beast::tcp_stream stream;
    bool answered = false;
  };

  State(asio::io_context& io, const Limits& limits, Answer give)
      : io(io),
        limits(limits),
        give(std::move(give)),
        acceptor(io),
        door(io, limits.new_per_second, limits.new_at_once) {}

  static Awaitable<void> accept(std::shared_ptr<State> self);
  static Awaitable<void> converse(std::shared_ptr<State> self, std::list<Guest>::iterator guest);
  Awaitable<void> serve(Guest& guest);
  HttpAnswer answer(const Request& request) const;
  Awaitable<bool> send(beast::tcp_stream& stream, const Request& request, const HttpAnswer& answer);
  Awaitable<void> send_stream(beast::tcp_stream& stream, const Request& request, const HttpAnswer& answer);
  static void take(std::shared_ptr<State> self, tcp::socket socket, std::uint32_t address);
  bool has_room_for(std::uint32_t address) const;
  bool busy() const;

  asio::io_context& io;
  Limits limits;
  Answer give;
  tcp::acceptor acceptor;
  net::Door door;
  std::list<Guest> guests;
  bool over = false;
};

bool HttpServer::State::has_room_for(std::uint32_t address) const {
  std::size_t its = 0;
  for (const Guest& guest : guests) its += guest.address == address;
  return guests.size() < limits.connections && its < limits.of_address;
}

Awaitable<void> HttpServer::State::accept(std::shared_ptr<State> self) {
  while (!self->over) {
    auto [error, socket] = co_await self->acceptor.async_accept(asio::as_tuple(asio::use_awaitable));
    if (self->over) co_return;
    if (error) {
      // Out of file descriptors: wait for others to close some.
      asio::steady_timer pause(self->io, std::chrono::milliseconds(100));
      co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
      continue;
    }
    boost::system::error_code gone;
    const tcp::endpoint from = socket.remote_endpoint(gone);
    if (gone) continue;
    const std::uint32_t address = from.address().to_v4().to_uint();
    net::Door::unfilter(socket.native_handle());
    if (self->door.admits(address)) take(self, std::move(socket), address);
  }
}

void HttpServer::State::take(std::shared_ptr<State> self, tcp::socket socket, std::uint32_t address) {
  if (!self->has_room_for(address)) return;
  auto guest = self->guests.insert(self->guests.end(), Guest{address, beast::tcp_stream(std::move(socket))});
  asio::co_spawn(self->io, converse(self, guest), asio::detached);
}

bool HttpServer::State::busy() const {
  return std::any_of(guests.begin(), guests.end(), [](const Guest& guest) { return guest.answered; });
}

Awaitable<void> HttpServer::State::converse(std::shared_ptr<State> self, std::list<Guest>::iterator guest) {
  try {
    co_await self->serve(*guest);
  } catch (const std::exception&) {  // a stranger's nonsense ends his connection
  }
  self->guests.erase(guest);
}

Awaitable<void> HttpServer::State::serve(Guest& guest) {
  beast::flat_buffer buffer(most_of_request);
  for (bool again = true; again && !over;) {
    http::request_parser<http::empty_body> parser;
    parser.header_limit(most_of_request);
    guest.stream.expires_after(limits.patience);
    auto [error, size] = co_await http::async_read(guest.stream, buffer, parser, asio::as_tuple(asio::use_awaitable));
    (void)size;
    if (over) co_return;
    if (is_nonsense(error)) {
      HttpAnswer refused;
      refused.status = 400;
      http::request<http::empty_body> closes(http::verb::get, "/", 11);
      closes.keep_alive(false);
      co_await send(guest.stream, closes, refused);
    }
    if (error) co_return;
    guest.answered = true;
    const HttpAnswer given = answer(parser.get());
    if (given.stream && parser.get().method() == http::verb::get) {
      co_await send_stream(guest.stream, parser.get(), given);
      co_return;
    }
    again = co_await send(guest.stream, parser.get(), given);
    guest.answered = false;
  }
}

HttpAnswer HttpServer::State::answer(const Request& request) const {
  if (request.method() != http::verb::head && request.method() != http::verb::get) {
    HttpAnswer refused;
    refused.status = 405;
    refused.fields = {{"Allow", "GET, HEAD"}};
    return refused;
  }
  const auto target = request.target(), authorization = request[http::field::authorization];
  HttpRequest asked;
  asked.target = {target.data(), target.size()};
  asked.authorization = {authorization.data(), authorization.size()};
  return give(asked);
}

// Whether the connection goes on.
Awaitable<bool> HttpServer::State::send(beast::tcp_stream& stream, const Request& request, const HttpAnswer& answer) {
  const bool head = request.method() == http::verb::head;
  auto response = head_of<http::span_body<const char>>(answer, request.version(), request.keep_alive());
  const std::span<const char> content = answer.content ? std::span(*answer.content) : std::span<const char>();
  if (!head) response.body() = beast::span<const char>(content.data(), content.size());
  response.content_length(content.size());
  http::response_serializer<http::span_body<const char>> serializer(response);
  serializer.split(head);
  while (head ? !serializer.is_header_done() : !serializer.is_done()) {
    stream.expires_after(limits.patience);
    auto [error, size] = co_await http::async_write_some(stream, serializer, asio::as_tuple(asio::use_awaitable));
    (void)size;
    if (error) co_return false;
  }
  co_return response.keep_alive();
}

// Its end is the connection's.
Awaitable<void> HttpServer::State::send_stream(beast::tcp_stream& stream, const Request& request,
                                               const HttpAnswer& answer) {
  boost::system::error_code ignored;
  stream.socket().set_option(asio::socket_base::send_buffer_size(stream_buffer), ignored);
  auto response = head_of<http::empty_body>(answer, request.version(), false);
  http::response_serializer<http::empty_body> serializer(response);
  stream.expires_after(limits.patience);
  auto [failed, size] = co_await http::async_write_header(stream, serializer, asio::as_tuple(asio::use_awaitable));
  (void)size;
  while (!failed && !over) {
    const std::shared_ptr<const std::string> piece = co_await answer.stream->next();
    if (!piece || over) co_return;
    for (std::size_t taken = 0; taken < piece->size();) {
      stream.expires_after(limits.patience);
      auto bytes = asio::buffer(*piece) + taken;
      auto [error, some] = co_await stream.async_write_some(bytes, asio::as_tuple(asio::use_awaitable));
      if (error || over) co_return;
      taken += some;
    }
  }
}

HttpServer::HttpServer(asio::io_context& io, const std::string& purpose, asio::ip::address_v4 address,
                       std::uint16_t port, const Limits& limits, Answer answer)
    : state_(std::make_shared<State>(io, limits, std::move(answer))) {
  const tcp::endpoint at(address, port);
  try {
    state_->acceptor.open(at.protocol());
    state_->acceptor.set_option(tcp::acceptor::reuse_address(true));
    state_->acceptor.bind(at);
    state_->acceptor.listen();
  } catch (const boost::system::system_error& error) {
    throw Error(purpose + " by HTTP on TCP port " + std::to_string(port), words_of(error));
  }
  state_->door.guards(state_->acceptor.native_handle());
}

HttpServer::HttpServer(asio::io_context& io, const Limits& limits, Answer answer)
    : state_(std::make_shared<State>(io, limits, std::move(answer))) {}

HttpServer::~HttpServer() {
  state_->over = true;
  state_->door.guards(-1);
  boost::system::error_code ignored;
  state_->acceptor.close(ignored);
  for (State::Guest& guest : state_->guests) guest.stream.close();
}

void HttpServer::begin() { asio::co_spawn(state_->io, State::accept(state_), asio::detached); }

std::uint16_t HttpServer::port() const { return state_->acceptor.local_endpoint().port(); }

void HttpServer::take(tcp::socket socket) {
  boost::system::error_code gone;
  const tcp::endpoint from = socket.remote_endpoint(gone);
  if (!gone) State::take(state_, std::move(socket), from.address().to_v4().to_uint());
}

bool HttpServer::busy() const { return state_->busy(); }

Awaitable<void> HttpServer::farewell() {
  auto state = state_;
  const auto deadline = std::chrono::steady_clock::now() + farewell_limit;
  asio::steady_timer timer(state->io);
  while (state->busy() && std::chrono::steady_clock::now() < deadline) {
    timer.expires_after(std::chrono::milliseconds(10));
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

HttpServer::Answer answer_files(HttpFiles files) {
  auto kept = std::make_shared<const HttpFiles>(std::move(files));
  return [kept](const HttpRequest& request) {
    HttpAnswer answer;
    const auto found = kept->find(request.target);
    if (found == kept->end()) return answer;
    answer.status = 200;
    answer.content = std::shared_ptr<const std::string>(kept, &found->second);
    return answer;
  };
}

}  // namespace ka::server
