#include "server/operator/remote_command.h"

#include <cstring>

#include "base/text.h"
#include "net/signal.h"

namespace ka::server {

namespace {

namespace command = wire::command;
using boost::system::error_code;

/// A command under way. Its input is sent beside what comes, as the node takes it.
struct Run : std::enable_shared_from_this<Run> {
  Run(asio::io_context& io, const RemoteCommand& what) : call(io), left(what.input), moved(io), timer(io) {}

  static Awaitable<void> feed(std::shared_ptr<Run> self);

  NodeCall call;
  std::string_view left;  // of the input
  std::uint32_t under_way = 0;
  net::Signal moved;
  asio::steady_timer timer;
  bool over = false, late = false;
};

Awaitable<void> Run::feed(std::shared_ptr<Run> self) {
  try {
    for (bool ended = false; !ended && !self->over;) {
      const std::size_t room = std::min<std::size_t>(command::input_window - self->under_way, command::longest_piece);
      if (room == 0) {
        co_await self->moved.wait();
        continue;
      }
      std::string piece(self->left.substr(0, room));
      self->left.remove_prefix(piece.size());
      self->under_way += static_cast<std::uint32_t>(piece.size());
      ended = piece.empty();
      command::Message input{command::Input{std::move(piece)}};
      co_await self->call.send(std::move(input));
    }
  } catch (const Error&) {
    // Who receives sees why.
  }
}

Awaitable<RemoteEnd> converse(asio::io_context& io, std::shared_ptr<Run> run, const RemoteCommand& what) {
  command::Message exec{what.exec};
  co_await run->call.send(std::move(exec));
  if (what.exec.input) asio::co_spawn(io, Run::feed(run), asio::detached);
  for (;;) {
    const command::Message message = co_await run->call.receive();
    if (const auto* output = std::get_if<command::Output>(&message)) {
      what.hear(output->bytes, false);
    } else if (const auto* errors = std::get_if<command::ErrorOutput>(&message)) {
      what.hear(errors->bytes, true);
    } else if (const auto* taken = std::get_if<command::Taken>(&message)) {
      run->under_way -= std::min(taken->bytes, run->under_way);
      run->moved.notify();
    } else {
      co_return end_of(message);
    }
  }
}

}  // namespace

RemoteEnd end_of(const command::Message& message) {
  if (const auto* refused = std::get_if<command::Refused>(&message)) throw Error("refused: " + refused->reason);
  const auto* ended = std::get_if<command::Ended>(&message);
  if (!ended) throw Error("it says what no node says");
  const std::string number = std::to_string(ended->number);
  if (!ended->signalled) return {ended->number, ended->number == 0 ? "" : "ended with status " + number};
  return {128 + ended->number, "was killed by signal " + number + " (" + ::strsignal(ended->number) + ")"};
}

Awaitable<RemoteEnd> run_remote(asio::io_context& io, const RemoteCommand& what, const wire::KeyPair& key) {
  const auto run = std::make_shared<Run>(io, what);
  RemoteEnd end;
  try {
    co_await run->call.open(what.there, key, what.connect_limit);
    if (what.limit.count() > 0) {
      run->timer.expires_after(what.limit);
      run->timer.async_wait([run](error_code stopped) {
        if (stopped || run->over) return;
        run->late = true;
        run->call.close();
      });
    }
    end = co_await converse(io, run, what);
  } catch (const Error& error) {
    end.trouble = run->late ? "not at its end after " + std::to_string(what.limit.count()) + " s (--timeout): killed"
                            : error.what();
  }
  run->over = true;
  run->call.close();
  run->timer.cancel();
  run->moved.notify();
  co_return end;
}

}  // namespace ka::server
