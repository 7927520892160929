#include "net/control_connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include "base/random.h"

namespace ka::net {

namespace {

constexpr std::size_t most_outgoing = 64u << 10;

wire::Endpoint endpoint_or_none(tcp::endpoint endpoint, const boost::system::error_code& error) {
  return error ? wire::Endpoint{} : to_wire(endpoint);
}

[[noreturn]] void throw_closed(const boost::system::error_code& error) {
  throw Error(error == asio::error::eof ? "the other side closed it" : error.message());
}

}  // namespace

wire::Endpoint to_wire(const tcp::endpoint& endpoint) {
  return {endpoint.address().is_v4() ? endpoint.address().to_v4().to_uint() : 0, endpoint.port()};
}

tcp::endpoint from_wire(const wire::Endpoint& endpoint) {
  return {asio::ip::address_v4(endpoint.address), endpoint.port};
}

void set_common_options(tcp::socket& socket) {
  boost::system::error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
  const struct {
    int name, value;
  } options[] = {{TCP_KEEPIDLE, 5}, {TCP_KEEPINTVL, 5}, {TCP_KEEPCNT, 3}, {TCP_USER_TIMEOUT, 20'000}};
  for (const auto& option : options)
    ::setsockopt(socket.native_handle(), IPPROTO_TCP, option.name, &option.value, sizeof option.value);
}

ControlConnection::ControlConnection(tcp::socket socket) : socket_(std::move(socket)) {
  set_common_options(socket_);
  boost::system::error_code error;
  tcp::endpoint remote = socket_.remote_endpoint(error);
  remote_ = endpoint_or_none(remote, error);
  tcp::endpoint local = socket_.local_endpoint(error);
  local_ = endpoint_or_none(local, error);
}

void ControlConnection::send(const wire::Message& message) {
  if (!socket_.is_open() || closing_) return;
  outgoing_ += cipher_ ? wire::encode(message, *cipher_) : wire::encode(message);
  if (outgoing_.size() > most_outgoing) {
    close();
    return;
  }
  if (writing_) return;
  writing_ = true;
  asio::co_spawn(socket_.get_executor(), write_all(shared_from_this()), asio::detached);
}

Awaitable<void> ControlConnection::write_all(std::shared_ptr<ControlConnection>) {
  while (!outgoing_.empty() && socket_.is_open()) {
    std::string now = std::move(outgoing_);
    outgoing_.clear();
    auto bytes = asio::buffer(now);
    auto [error, size] = co_await asio::async_write(socket_, bytes, asio::as_tuple(asio::use_awaitable));
    (void)size;
    if (error) close();
  }
  writing_ = false;
  if (closing_) close();
}

Awaitable<bool> ControlConnection::speaks_http() {
  auto self = shared_from_this();
  char first = 0;
  auto room = asio::buffer(&first, 1);
  auto [error, size] =
      co_await socket_.async_receive(room, tcp::socket::message_peek, asio::as_tuple(asio::use_awaitable));
  (void)size;
  if (error) throw_closed(error);
  co_return first >= 'A' && first <= 'Z';
}

void ControlConnection::encrypt(std::optional<wire::Handshake::Ciphers> ciphers) {
  if (!ciphers) return;
  cipher_ = std::move(ciphers->out);
  decoder_.decrypts(std::move(ciphers->in));
}

Awaitable<void> ControlConnection::greet_node(std::optional<wire::KeyPair> key) {
  auto self = shared_from_this();
  const wire::Message first = co_await receive();
  wire::Greeted greeted = wire::greet(first, key, random_secret());
  send(greeted.welcome);
  encrypt(std::move(greeted.ciphers));
}

Awaitable<void> ControlConnection::greet_server(std::optional<wire::PublicKey> key) {
  auto self = shared_from_this();
  wire::NodeGreeting greeting(key, random_secret());
  send(greeting.hello());
  const wire::Message answer = co_await receive();
  encrypt(greeting.accept(answer));
}

Awaitable<wire::Message> ControlConnection::receive() {
  auto self = shared_from_this();
  char room[4096];
  for (;;) {
    if (std::optional<wire::Message> message = decoder_.next()) co_return *std::move(message);
    auto buffer = asio::buffer(room);
    auto [error, size] = co_await socket_.async_read_some(buffer, asio::as_tuple(asio::use_awaitable));
    if (error) throw_closed(error);
    decoder_.feed({room, size});
  }
}

void ControlConnection::close_after_sending() {
  closing_ = true;
  if (!writing_) close();
}

void ControlConnection::close() {
  boost::system::error_code ignored;
  socket_.shutdown(tcp::socket::shutdown_both, ignored);
  socket_.close(ignored);
}

}  // namespace ka::net
