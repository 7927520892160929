#include "base/output.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/error.h"
#include "base/journal.h"
#include "base/open_files.h"

namespace ka {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t most_pending = 256 * 1024;
constexpr auto patience = std::chrono::seconds(1);
// What is on its way to the child was drawn before the terminal stopped, and will be seen when it goes on: little.
constexpr int pipe_size = 4096;

struct Pipe {
  UniqueFd read, write;

  Pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw Error::from_errno("make a pipe");
    read.reset(ends[0]);
    write.reset(ends[1]);
  }
};

// Waiting as long as it takes. False: nobody will ever take it; errno says why.
bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t size = ::write(fd, text.data(), text.size());
    if (size < 0 && errno == EAGAIN) {  // whoever shares the terminal has made it so
      pollfd writable{fd, POLLOUT, 0};
      ::poll(&writable, 1, -1);
    } else if (size < 0 && errno != EINTR) {
      return false;
    }
    if (size > 0) text.remove_prefix(static_cast<std::size_t>(size));
  }
  return true;
}

// In the child. What the operator does to end the command must not end what tells of that end.
void outlive_the_operator() {
  for (int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGTTOU, SIGPIPE}) ::signal(number, SIG_IGN);
}

[[noreturn]] void be_the_writer(int from, int to, int end) {
  outlive_the_operator();
  close_all_but({from, to, end});
  char room[pipe_size];
  for (;;) {
    const ssize_t size = ::read(from, room, sizeof room);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) ::_exit(0);
    if (write_all(to, {room, static_cast<std::size_t>(size)})) continue;
    const int why = errno;
    (void)!::write(end, &why, sizeof why);
    ::_exit(0);
  }
}

// Until `fd` can be read or written, or is at its end. False: not before `deadline`.
bool wait_for(int fd, short what, Clock::time_point deadline) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd wanted{fd, what, 0};
    const int ready = ::poll(&wanted, 1, static_cast<int>(std::max<std::int64_t>(0, left)));
    if (ready >= 0 || errno != EINTR) return ready > 0;
  }
}

}  // namespace

struct Output::State : std::enable_shared_from_this<State> {
  explicit State(asio::io_context& io) : pipe(io) {}

  asio::posix::stream_descriptor pipe;  // to the child
  UniqueFd end;                         // the child holds the other end, and writes there why it can write no more
  int failure = 0;
  pid_t child = -1;
  std::string pending;
  std::uint64_t dropped = 0;
  bool waiting = false, broken = false;

  // As much as the pipe takes now; the rest when it takes more.
  void push();
  void ask_why();
  void tell_dropped();
};

void Output::State::tell_dropped() {
  if (dropped == 0) return;
  pending += "... " + std::to_string(dropped) + " lines were dropped here: nobody took them\n";
  dropped = 0;
}

void Output::State::push() {
  while (!broken && !pending.empty()) {
    const ssize_t size = ::write(pipe.native_handle(), pending.data(), pending.size());
    if (size > 0) {
      pending.erase(0, static_cast<std::size_t>(size));
      if (pending.empty()) tell_dropped();
    } else if (errno == EAGAIN) {
      if (waiting) return;
      waiting = true;
      auto go_on = [self = shared_from_this()](boost::system::error_code error) {
        self->waiting = false;
        if (!error) self->push();
      };
      pipe.async_wait(asio::posix::descriptor_base::wait_write, go_on);
      return;
    } else if (errno != EINTR) {
      broken = true;
      pending.clear();
      ask_why();
    }
  }
}

// The child has closed the pipe, and said so before.
void Output::State::ask_why() {
  int why = 0;
  if (end.valid() && ::read(end.get(), &why, sizeof why) == static_cast<ssize_t>(sizeof why)) failure = why;
}

Output::Output(asio::io_context& io, int fd) : fd_(fd), state_(std::make_shared<State>(io)) {
  const char* kind = std::getenv("TERM");
  const char* plain = std::getenv("NO_COLOR");
  const bool dumb = kind != nullptr && std::string_view(kind) == "dumb";
  screen_ = ::isatty(fd) == 1 && !dumb;
  journal_ = ka::is_journal(fd);
  colours_ = screen_ && (plain == nullptr || *plain == '\0');
  Pipe text, end;
  state_->child = ::fork();
  if (state_->child < 0) throw Error::from_errno("start what writes to the terminal");
  if (state_->child == 0) be_the_writer(text.read.get(), fd, end.write.get());
  ::fcntl(text.write.get(), F_SETPIPE_SZ, pipe_size);
  ::fcntl(text.write.get(), F_SETFL, O_NONBLOCK);
  ::fcntl(end.read.get(), F_SETFL, O_NONBLOCK);
  state_->pipe.assign(text.write.release());
  state_->end = std::move(end.read);
}

Output::~Output() { finish(); }

void Output::write(std::string_view text) {
  const bool room = state_->dropped == 0 && state_->pending.size() + text.size() <= most_pending;
  if (room || idle()) return write_for_sure(text);
  if (!state_->broken) state_->dropped += static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
}

void Output::write_for_sure(std::string_view text) {
  State& state = *state_;
  if (state.broken || !state.end.valid()) return;
  state.tell_dropped();
  state.pending += text;
  state.push();
}

bool Output::idle() const { return state_->pending.empty(); }
bool Output::closed() const { return state_->broken; }
std::size_t Output::pending() const { return state_->pending.size(); }
int Output::failure() const { return state_->failure; }

void Output::finish() {
  State& state = *state_;
  if (!state.end.valid()) return;
  const auto deadline = Clock::now() + patience;
  const int pipe = state.pipe.native_handle();
  boost::system::error_code ignored;
  state.pipe.cancel(ignored);
  state.waiting = true;  // it is waited for here
  for (;;) {
    state.push();
    if (state.pending.empty() || !wait_for(pipe, POLLOUT, deadline)) break;
  }
  if (!state.pending.empty() && ::fork() == 0) {
    outlive_the_operator();
    close_all_but({pipe});
    ::fcntl(pipe, F_SETFL, 0);
    write_all(pipe, state.pending);
    ::_exit(0);
  }
  state.pipe.close(ignored);
  if (wait_for(state.end.get(), POLLIN, deadline)) state.ask_why();
  state.end.reset();
  ::waitpid(state.child, nullptr, WNOHANG);
}

Output::Size Output::size() const {
  Size size;
  winsize told{};
  if (::ioctl(fd_, TIOCGWINSZ, &told) != 0) return size;
  if (told.ws_col != 0) size.width = told.ws_col;
  if (told.ws_row != 0) size.height = told.ws_row;
  return size;
}

void write_at_the_end(int fd, std::string_view text) {
  asio::io_context io;
  Output(io, fd).write(text);
}

}  // namespace ka
