#include "server/operator/node_call.h"

#include <array>

#include "base/random.h"
#include "net/control_connection.h"
#include "server/operator/node_port.h"

namespace ka::server {

using boost::system::error_code;

Awaitable<void> NodeCall::open(asio::ip::tcp::endpoint there, const wire::KeyPair& key, std::chrono::seconds limit) {
  if (const error_code error = co_await connect_within(socket_, there, limit))
    throw Error("not reached, TCP port " + std::to_string(there.port()) + ": " + error.message());
  net::set_common_options(socket_);
  call_.emplace(key, wire::KeyPair(random_secret()));
  // Who does not answer is closed, which ends what waits.
  enum class State { waiting, late, over };
  const auto state = std::make_shared<State>(State::waiting);
  asio::steady_timer timer(socket_.get_executor(), limit);
  timer.async_wait([this, state](error_code stopped) {
    if (stopped || *state == State::over) return;
    *state = State::late;
    close();
  });
  try {
    const auto bytes = asio::buffer(call_->opening());
    co_await asio::async_write(socket_, bytes, asio::use_awaitable);
    while (!call_->is_open()) co_await read_more();
  } catch (const std::exception& error) {
    if (*state == State::late) throw Error("it does not answer as a node that knows a key does");
    *state = State::over;
    const auto* known = dynamic_cast<const Error*>(&error);
    if (known) throw;
    throw Error(words_of(error));
  }
  *state = State::over;
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
