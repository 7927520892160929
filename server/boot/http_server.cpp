#include "server/boot/http_server.h"

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

// A rack that is switched on at once loads two or three files a machine, each by a connection of its own.
constexpr std::size_t most_connections = 1024, most_of_address = 16;
constexpr double connections_per_second = 32, connections_at_once = 64;
constexpr auto patience = std::chrono::seconds(30);  // without any progress
constexpr std::size_t most_of_request = 8 << 10;

using Body = http::span_body<const char>;

}  // namespace

struct HttpServer::State : std::enable_shared_from_this<HttpServer::State> {
  struct Guest {
    std::uint32_t address;
    beast::tcp_stream stream;
  };

  State(asio::io_context& io, Files all)
      : io(io), files(std::move(all)), acceptor(io), door(io, connections_per_second, connections_at_once) {}

  static Awaitable<void> accept(std::shared_ptr<State> self);
  static Awaitable<void> converse(std::shared_ptr<State> self, std::list<Guest>::iterator guest);
  Awaitable<void> answer(beast::tcp_stream& stream);
  Awaitable<bool> send(beast::tcp_stream& stream, const http::request<http::empty_body>& request);
  bool has_room_for(std::uint32_t address) const;

  asio::io_context& io;
  Files files;
  tcp::acceptor acceptor;
  net::Door door;
  std::list<Guest> guests;
  bool over = false;
};

bool HttpServer::State::has_room_for(std::uint32_t address) const {
  std::size_t its = 0;
  for (const Guest& guest : guests) its += guest.address == address;
  return guests.size() < most_connections && its < most_of_address;
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
    if (!self->door.admits(address) || !self->has_room_for(address)) continue;
    auto guest = self->guests.insert(self->guests.end(), Guest{address, beast::tcp_stream(std::move(socket))});
    asio::co_spawn(self->io, converse(self, guest), asio::detached);
  }
}

Awaitable<void> HttpServer::State::converse(std::shared_ptr<State> self, std::list<Guest>::iterator guest) {
  try {
    co_await self->answer(guest->stream);
  } catch (const std::exception&) {  // a stranger's nonsense ends his connection
  }
  self->guests.erase(guest);
}

Awaitable<void> HttpServer::State::answer(beast::tcp_stream& stream) {
  beast::flat_buffer buffer(most_of_request);
  for (bool again = true; again && !over;) {
    http::request_parser<http::empty_body> parser;
    parser.header_limit(most_of_request);
    stream.expires_after(patience);
    auto [error, size] = co_await http::async_read(stream, buffer, parser, asio::as_tuple(asio::use_awaitable));
    (void)size;
    if (error) co_return;
    again = co_await send(stream, parser.get());
  }
}

// Whether the connection goes on.
Awaitable<bool> HttpServer::State::send(beast::tcp_stream& stream, const http::request<http::empty_body>& request) {
  const bool head = request.method() == http::verb::head;
  const auto target = request.target();
  auto found = files.find(std::string_view(target.data(), target.size()));
  http::response<Body> response;
  response.version(request.version());
  response.keep_alive(request.keep_alive());
  response.set(http::field::content_type, "application/octet-stream");
  if (!head && request.method() != http::verb::get) {
    response.result(http::status::method_not_allowed);
    response.set(http::field::allow, "GET, HEAD");
    found = files.end();
  } else {
    response.result(found == files.end() ? http::status::not_found : http::status::ok);
  }
  const std::span<const char> content =
      found == files.end() ? std::span<const char>() : std::span<const char>(found->second);
  if (!head) response.body() = beast::span<const char>(content.data(), content.size());
  response.content_length(content.size());
  http::response_serializer<Body> serializer(response);
  serializer.split(head);
  while (head ? !serializer.is_header_done() : !serializer.is_done()) {
    stream.expires_after(patience);
    auto [error, size] = co_await http::async_write_some(stream, serializer, asio::as_tuple(asio::use_awaitable));
    (void)size;
    if (error) co_return false;
  }
  co_return response.keep_alive();
}

HttpServer::HttpServer(asio::io_context& io, asio::ip::address_v4 address, std::uint16_t port, Files files)
    : state_(std::make_shared<State>(io, std::move(files))) {
  const tcp::endpoint at(address, port);
  try {
    state_->acceptor.open(at.protocol());
    state_->acceptor.set_option(tcp::acceptor::reuse_address(true));
    state_->acceptor.bind(at);
    state_->acceptor.listen();
  } catch (const boost::system::system_error& error) {
    throw Error("serve boot files by HTTP on TCP port " + std::to_string(port), words_of(error));
  }
  state_->door.guards(state_->acceptor.native_handle());
  asio::co_spawn(io, State::accept(state_), asio::detached);
}

HttpServer::~HttpServer() {
  state_->over = true;
  state_->door.guards(-1);
  boost::system::error_code ignored;
  state_->acceptor.close(ignored);
  for (State::Guest& guest : state_->guests) guest.stream.close();
}

std::uint16_t HttpServer::port() const { return state_->acceptor.local_endpoint().port(); }

}  // namespace ka::server
