#include "server/operator/log_stream.h"

#include <array>

#include "net/connect.h"
#include "net/control_connection.h"

namespace ka::server {

using boost::system::error_code;
namespace command = wire::command;

Awaitable<std::string> LogStream::open(asio::ip::tcp::endpoint there, std::chrono::seconds limit) {
  if (!key_) {
    const error_code error = co_await net::connect_within(clear_, there, limit);
    if (!error) net::set_common_options(clear_);
    co_return error ? error.message() : "";
  }
  try {
    co_await call_.open(there, *key_, limit);
    command::Message log{command::Log()};
    co_await call_.send(std::move(log));
    co_return "";
  } catch (const Error& error) {
    co_return error.what();
  }
}

Awaitable<LogStream::Piece> LogStream::read_in_clear() {
  std::array<char, 16384> bytes;
  const auto room = asio::buffer(bytes);
  const auto [error, size] = co_await clear_.async_read_some(room, asio::as_tuple(asio::use_awaitable));
  Piece piece;
  piece.bytes.assign(bytes.data(), size);
  piece.end = static_cast<bool>(error);
  if (error && error != asio::error::eof) piece.why = error.message();
  co_return piece;
}

Awaitable<LogStream::Piece> LogStream::read() {
  if (!key_) co_return co_await read_in_clear();
  Piece piece;
  try {
    const command::Message message = co_await call_.receive();
    if (const auto* output = std::get_if<command::Output>(&message)) {
      piece.bytes = output->bytes;
    } else {
      piece.end = true;
      const auto* refused = std::get_if<command::Refused>(&message);
      piece.why = refused ? refused->reason : "it sends what is no log";
    }
  } catch (const std::exception& error) {
    piece.end = true;
    piece.why = error.what();
  }
  co_return piece;
}

void LogStream::close() {
  error_code ignored;
  clear_.close(ignored);
  call_.close();
}

}  // namespace ka::server
