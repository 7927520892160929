#include "agent/boot/console_question.h"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include "base/error.h"
#include "wire/passphrase.h"

namespace ka::agent {

namespace {

using Clock = std::chrono::steady_clock;

// A terminal that gives each key at once and shows none, for as long as it lives.
class Keyboard {
 public:
  Keyboard(asio::io_context& io, int fd) : terminal_(io, fd) {
    ::tcgetattr(fd, &before_);
    termios keys = before_;
    keys.c_lflag &= ~static_cast<tcflag_t>(ECHO | ICANON);
    keys.c_iflag |= ICRNL;
    keys.c_cc[VMIN] = 1;
    keys.c_cc[VTIME] = 0;
    ::tcsetattr(fd, TCSAFLUSH, &keys);  // what was typed before the question is no answer
  }
  ~Keyboard() {
    ::tcsetattr(terminal_.native_handle(), TCSANOW, &before_);
    wipe(typed);
  }
  Keyboard(const Keyboard&) = delete;

  asio::posix::stream_descriptor& terminal() { return terminal_; }
  void say(const char* text) { (void)!::write(terminal_.native_handle(), text, __builtin_strlen(text)); }

  std::string typed;  // of the line that is not complete yet
  char key = 0;

 private:
  asio::posix::stream_descriptor terminal_;
  termios before_{};
};

// All consoles, until one of them has a whole line.
class Line : public std::enable_shared_from_this<Line> {
 public:
  explicit Line(asio::io_context& io) : done_(io) {
    for (const std::string& name : console_names()) {
      const int fd = ::open(("/dev/" + name).c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
      if (fd < 0) continue;
      if (::isatty(fd) != 0)
        keyboards_.push_back(std::make_unique<Keyboard>(io, fd));
      else
        ::close(fd);
    }
  }

  bool any() const { return !keyboards_.empty(); }

  // nullopt: nobody has typed one until `end`.
  Awaitable<std::optional<Secret>> read(Clock::time_point end) {
    done_.expires_at(end);
    for (auto& keyboard : keyboards_) listen(*keyboard);
    co_await done_.async_wait(asio::as_tuple(asio::use_awaitable));
    boost::system::error_code ignored;
    for (auto& keyboard : keyboards_) keyboard->terminal().cancel(ignored);
    if ((co_await asio::this_coro::cancellation_state).cancelled() != asio::cancellation_type::none)
      throw boost::system::system_error(asio::error::operation_aborted);
    co_return std::exchange(line_, std::nullopt);
  }

 private:
  void listen(Keyboard& keyboard) {
    auto heard = [self = shared_from_this(), &keyboard](boost::system::error_code error, std::size_t) {
      if (error || self->line_) return;
      if (!self->take(keyboard, keyboard.key)) self->listen(keyboard);
    };
    auto key = asio::buffer(&keyboard.key, 1);
    keyboard.terminal().async_read_some(key, std::move(heard));
  }

  // Whether the line is complete.
  bool take(Keyboard& keyboard, char key) {
    constexpr char backspace = '\b', erase = 0x7f, kill_line = 0x15;
    std::string& typed = keyboard.typed;
    if (key == '\n' || key == '\r') {
      if (typed.empty()) return false;
      line_ = Secret(typed);
      wipe(typed);
      keyboard.say("\r\n");
      done_.cancel();
      return true;
    }
    if (key == backspace || key == erase) {
      if (typed.empty()) return false;
      while (typed.size() > 1 && (typed.back() & '\xc0') == '\x80') typed.pop_back();  // of one letter in UTF-8
      typed.pop_back();
      keyboard.say("\b \b");
    } else if (key == kill_line) {
      wipe(typed);
      keyboard.say("\r\nFrom the beginning: ");
    } else if (static_cast<unsigned char>(key) >= ' ' && typed.size() < wire::longest_passphrase) {
      typed.reserve(wire::longest_passphrase);  // never moved, so that no copy is left
      typed += key;
      if ((key & '\xc0') != '\x80') keyboard.say("*");
    }
    return false;
  }

  std::vector<std::unique_ptr<Keyboard>> keyboards_;
  std::optional<Secret> line_;
  asio::steady_timer done_;
};

}  // namespace

Awaitable<Secret> ConsolePerson::ask(std::string what) {
  auto line = std::make_shared<Line>(io_);
  if (!line->any()) throw Error("ask for " + what, "this machine has no console with a keyboard");
  const auto minutes = std::chrono::duration_cast<std::chrono::minutes>(patience_).count();
  const Clock::time_point end = Clock::now() + patience_;
  const auto nobody = [&] {
    return Error("ask for " + what, "nobody typed it at this console for " + std::to_string(minutes) +
                                        " minutes; ka-server --luks-key FILE or generate needs nobody here");
  };
  for (;;) {
    log_.show("Type " + what + " (it is not shown, and asked for twice):");
    const std::optional<Secret> first = co_await line->read(end);
    if (!first) throw nobody();
    log_.show("Once more, to be sure:");
    const std::optional<Secret> second = co_await line->read(end);
    if (!second) throw nobody();
    if (*first == *second) co_return *first;
    log_.show("These were not the same.");
  }
}

}  // namespace ka::agent
