#include "server/operator/node_call.h"

#include <array>

#include "base/random.h"
#include "net/connect.h"
#include "net/control_connection.h"
#include "net/deadline.h"

namespace ka::server {

using boost::system::error_code;

Awaitable<void> NodeCall::open(asio::ip::tcp::endpoint there, const wire::KeyPair& key, std::chrono::seconds limit) {
  if (const error_code error = co_await net::connect_within(socket_, there, limit))
    throw Error("not reached, TCP port " + std::to_string(there.port()) + ": " + error.message());
  net::set_common_options(socket_);
  call_.emplace(key, wire::KeyPair(random_secret()));
  // Who does not answer is closed, which ends what waits.
  const net::Deadline deadline(socket_.get_executor(), limit, [this] { close(); });
  try {
    const auto bytes = asio::buffer(call_->opening());
    co_await asio::async_write(socket_, bytes, asio::use_awaitable);
    while (!call_->is_open()) co_await read_more();
  } catch (const std::exception& error) {
    if (deadline.passed()) throw Error("it does not answer as a node that knows a key does");
    const auto* known = dynamic_cast<const Error*>(&error);
    if (known) throw;
    throw Error(words_of(error));
  }
}

Awaitable<void> NodeCall::send(wire::command::Message message) {
  const std::string bytes = call_->encode(message);
  const auto buffer = asio::buffer(bytes);
  const auto [error, size] = co_await asio::async_write(socket_, buffer, asio::as_tuple(asio::use_awaitable));
  (void)size;
  if (error) throw Error("the connection broke: " + error.message());
}

Awaitable<void> NodeCall::read_more() {
  std::array<char, 16384> bytes;
  const auto room = asio::buffer(bytes);
  const auto [error, size] = co_await socket_.async_read_some(room, asio::as_tuple(asio::use_awaitable));
  if (error == asio::error::eof) throw Error("it closed the connection");
  if (error) throw Error("the connection broke: " + error.message());
  call_->feed({bytes.data(), size});
}

Awaitable<wire::command::Message> NodeCall::receive() {
  for (;;) {
    if (std::optional<wire::command::Message> message = call_->next()) co_return *std::move(message);
    co_await read_more();
  }
}

void NodeCall::close() {
  error_code ignored;
  socket_.close(ignored);
}

}  // namespace ka::server
