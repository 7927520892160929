#include "server/operator/remote_shell.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "base/files.h"
#include "base/unique_fd.h"
#include "net/signal.h"

namespace ka::server {

namespace {

namespace command = wire::command;
using boost::system::error_code;

constexpr std::chrono::seconds connect_limit{10};
constexpr std::size_t most_typed = 1u << 20;

/// The terminal gives each key and changes none, for as long as this lives.
class RawTerminal {
 public:
  RawTerminal() {
    if (::tcgetattr(STDIN_FILENO, &before_) != 0) throw Error::from_errno("use standard input as a terminal");
    termios raw = before_;
    ::cfmakeraw(&raw);
    ::tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
  }
  ~RawTerminal() { ::tcsetattr(STDIN_FILENO, TCSADRAIN, &before_); }
  RawTerminal(const RawTerminal&) = delete;

 private:
  termios before_{};
};

winsize window() {
  winsize size{};
  if (::ioctl(STDIN_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) {
    size.ws_col = 80;
    size.ws_row = 24;
  }
  return size;
}

/// Whether what was typed ends with Enter ~ .
class WayOut {
 public:
  bool found(std::string_view typed) {
    for (const char key : typed) {
      if (state_ == State::tilde && key == '.') return true;
      const bool line_begins = key == '\r' || key == '\n';
      state_ = line_begins ? State::line : state_ == State::line && key == '~' ? State::tilde : State::inside;
    }
    return false;
  }

 private:
  enum class State { line, tilde, inside } state_ = State::line;
};

struct Shell : std::enable_shared_from_this<Shell> {
  explicit Shell(asio::io_context& io) : call(io), keyboard(io), signals(io), sending(io) {}

  // The terminal once more: as it is open it is others' too, who do not expect it not to wait.
  void take_terminal() {
    UniqueFd fd(::open("/proc/self/fd/0", O_RDONLY | O_NOCTTY | O_CLOEXEC));
    if (!fd.valid()) throw Error::from_errno("open the terminal");
    keyboard.assign(fd.release());
    for (const int number : {SIGWINCH, SIGTERM, SIGHUP, SIGINT}) signals.add(number);
  }

  static Awaitable<void> type(std::shared_ptr<Shell> self);
  /// Sends of what was typed as much as the node takes.
  static Awaitable<void> give(std::shared_ptr<Shell> self);
  static Awaitable<void> watch_signals(std::shared_ptr<Shell> self);
  Awaitable<void> send(command::Message message);
  void leave(const std::string& why) {
    if (left.empty()) left = why;
    call.close();
  }
  void stop() {
    over = true;
    error_code ignored;
    keyboard.close(ignored);
    signals.cancel(ignored);
    call.close();
    sending.notify();
  }

  NodeCall call;
  asio::posix::stream_descriptor keyboard;
  asio::signal_set signals;
  net::Signal sending;
  std::string left;   // why it was left
  std::string typed;  // and not sent
  std::uint32_t under_way = 0;
  bool over = false, busy = false, giving = false;
};

// Keys and sizes come from two sides; the connection takes one message at a time.
Awaitable<void> Shell::send(command::Message message) {
  while (busy && !over) co_await sending.wait();
  busy = true;
  try {
    co_await call.send(std::move(message));
  } catch (const Error&) {
    // Who receives sees why.
  }
  busy = false;
  sending.notify();
}

Awaitable<void> Shell::type(std::shared_ptr<Shell> self) {
  std::array<char, 1024> keys;
  WayOut way_out;
  while (!self->over) {
    const auto room = asio::buffer(keys);
    const auto [error, size] = co_await self->keyboard.async_read_some(room, asio::as_tuple(asio::use_awaitable));
    if (self->over) co_return;
    if (error) co_return self->leave("the terminal is gone");
    if (way_out.found({keys.data(), size})) co_return self->leave("left (Enter ~ .)");
    // Keys are read on while the shell takes none, for the way out.
    self->typed.append(keys.data(), size);
    if (self->typed.size() > most_typed) co_return self->leave("the shell takes nothing of what is typed");
    co_await give(self);
  }
}

Awaitable<void> Shell::give(std::shared_ptr<Shell> self) {
  if (std::exchange(self->giving, true)) co_return;
  while (!self->over && !self->typed.empty() && self->under_way < command::input_window) {
    const std::size_t room = std::min<std::size_t>(command::input_window - self->under_way, command::longest_piece);
    std::string piece = self->typed.substr(0, room);
    self->typed.erase(0, piece.size());
    self->under_way += static_cast<std::uint32_t>(piece.size());
    command::Message input{command::Input{std::move(piece)}};
    co_await self->send(std::move(input));
  }
  self->giving = false;
}

Awaitable<void> Shell::watch_signals(std::shared_ptr<Shell> self) {
  while (!self->over) {
    const auto [error, number] = co_await self->signals.async_wait(asio::as_tuple(asio::use_awaitable));
    if (error || self->over) co_return;
    if (number != SIGWINCH) co_return self->leave(std::string("signal ") + ::strsignal(number));
    const winsize size = window();
    command::Message changed{command::Window{size.ws_col, size.ws_row}};
    co_await self->send(std::move(changed));
  }
}

Awaitable<RemoteEnd> converse(asio::io_context& io, std::shared_ptr<Shell> shell) {
  for (;;) {
    const command::Message message = co_await shell->call.receive();
    if (const auto* output = std::get_if<command::Output>(&message)) {
      write_all(STDOUT_FILENO, output->bytes, "standard output");
    } else if (const auto* taken = std::get_if<command::Taken>(&message)) {
      shell->under_way -= std::min(taken->bytes, shell->under_way);
      asio::co_spawn(io, Shell::give(shell), asio::detached);
    } else {
      co_return end_of(message);
    }
  }
}

}  // namespace

Awaitable<RemoteEnd> run_remote_shell(asio::io_context& io, asio::ip::tcp::endpoint there, const wire::KeyPair& key) {
  if (::isatty(STDIN_FILENO) == 0) throw Error("a shell needs a terminal; ka-server exec needs none");
  const auto shell = std::make_shared<Shell>(io);
  co_await shell->call.open(there, key, connect_limit);
  const winsize size = window();
  const char* terminal = std::getenv("TERM");
  command::Message begin{command::Shell{size.ws_col, size.ws_row, terminal != nullptr ? terminal : ""}};
  co_await shell->send(std::move(begin));
  RemoteEnd end;
  std::exception_ptr failure;
  shell->take_terminal();
  {
    const RawTerminal raw;
    asio::co_spawn(io, Shell::type(shell), asio::detached);
    asio::co_spawn(io, Shell::watch_signals(shell), asio::detached);
    try {
      end = co_await converse(io, shell);
    } catch (const Error& error) {
      end.trouble = shell->left.empty() ? error.what() : shell->left;
    } catch (...) {
      failure = std::current_exception();
    }
    shell->stop();
  }
  if (failure) std::rethrow_exception(failure);
  co_return end;
}

}  // namespace ka::server
