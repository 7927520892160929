#include "base/process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <map>
#include <optional>

#include "base/error.h"
#include "base/files.h"
#include "base/left_behind.h"
#include "base/thread.h"

namespace ka {

struct Process::State {
  explicit State(asio::io_context& io) : in(io), out(io), err(io), ended(io) {
    ended.expires_at(asio::steady_timer::time_point::max());
  }

  pid_t pid = -1;
  bool group = false;
  std::atomic<bool> reaped = false;  // its number may be somebody else's by now
  std::optional<ExitStatus> status;
  asio::posix::stream_descriptor in, out, err;
  asio::steady_timer ended;  // cancelled when status is there
};

namespace {

// Processes are started by any thread, and reaped by the one that called reap_children.
struct Children {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  std::map<pid_t, std::function<void(ExitStatus)>> running;
  unsigned starting = 0;              // forks whose number is not in `running` yet
  std::map<pid_t, ExitStatus> early;  // that ended meanwhile
};

Children& children() {
  static Children all;
  return all;
}

// Called by the thread that reaps; `tell` must do its work elsewhere.
void ended(pid_t pid, ExitStatus status) {
  std::function<void(ExitStatus)> tell;
  {
    Lock lock(children().mutex);
    auto found = children().running.find(pid);
    if (found != children().running.end()) {
      tell = std::move(found->second);
      children().running.erase(found);
    } else if (children().starting > 0) {
      children().early[pid] = status;
    }
  }
  if (tell) tell(status);
}

void reap_all() {
  int status = 0;
  for (pid_t pid; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) ended(pid, ExitStatus{status});
}

Awaitable<void> reap_loop(std::shared_ptr<asio::signal_set> signals) {
  for (;;) {
    auto [error, number] = co_await signals->async_wait(asio::as_tuple(asio::use_awaitable));
    (void)number;
    if (error) co_return;
    reap_all();
  }
}

Awaitable<void> reap_signalled(std::shared_ptr<asio::posix::stream_descriptor> signals) {
  signalfd_siginfo told{};
  for (;;) {
    auto room = asio::buffer(&told, sizeof told);
    auto [error, size] = co_await signals->async_read_some(room, asio::as_tuple(asio::use_awaitable));
    (void)size;
    if (error) co_return;
    reap_all();
  }
}

// While it lives, a child that ends before it is in the list of those that run is remembered.
class Starting {
 public:
  Starting() {
    Lock lock(children().mutex);
    ++children().starting;
  }
  ~Starting() {
    Lock lock(children().mutex);
    if (--children().starting == 0) children().early.clear();
  }
  void running(pid_t pid, std::function<void(ExitStatus)> tell) {
    Lock lock(children().mutex);
    auto early = children().early.find(pid);
    if (early != children().early.end())
      tell(early->second);
    else
      children().running[pid] = std::move(tell);
  }
};

struct PipePair {
  UniqueFd read, write;

  PipePair() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw Error::from_errno("make a pipe");
    read.reset(ends[0]);
    write.reset(ends[1]);
  }
};

// In the child: nothing that this program has open is the started program's business, whoever opened it and how (Asio
// opens its sockets without O_CLOEXEC).
void close_others_at_exec() {
#ifdef SYS_close_range
  constexpr unsigned close_range_cloexec = 4;
  if (::syscall(SYS_close_range, 3u, ~0u, close_range_cloexec) == 0) return;
#endif
  // Linux before 5.11.
  const long most = ::sysconf(_SC_OPEN_MAX);
  constexpr int enough = 65536;
  for (int fd = 3; fd < (most < 0 || most > enough ? enough : static_cast<int>(most)); ++fd)
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
}

// In the child, between fork and exec: only async-signal-safe calls. Returns errno's value of what failed, 0 if there
// is a body to be run.
int become(const Command& command, pid_t parent, char* const* argv, char* const* environment, int in, int out,
           int err) {
  if (command.ends_with_parent && (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::getppid() != parent)) return ECHILD;
  if (command.new_session || !command.controlling_terminal.empty()) ::setsid();
  if (command.niceness != 0) (void)!::nice(command.niceness);  // it is a wish
  if (!command.root.empty() && (::chroot(command.root.c_str()) != 0 || ::chdir("/") != 0)) return errno;
  if (!command.controlling_terminal.empty()) {
    int terminal = ::open(command.controlling_terminal.c_str(), O_RDWR);
    if (terminal < 0) return errno;
    ::ioctl(terminal, TIOCSCTTY, 1);
    in = out = err = terminal;
  }
  if (in < 0 && !command.body) in = ::open("/dev/null", O_RDONLY);
  if (in < 0 && !command.body) in = ::open("/", O_RDONLY | O_DIRECTORY);  // a root without /dev: reading gives an error
  if (in >= 0 && ::dup2(in, 0) < 0) return errno;
  if (out >= 0 && ::dup2(out, 1) < 0) return errno;
  if (err >= 0 && ::dup2(err, 2) < 0) return errno;
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (int number : {SIGPIPE, SIGINT, SIGTERM, SIGHUP, SIGCHLD}) ::signal(number, SIG_DFL);
  if (command.body) return 0;
  close_others_at_exec();
  ::execvpe(argv[0], argv, environment);
  return errno;
}

int status_of(const std::function<void()>& body) {
  try {
    body();
    return 0;
  } catch (const std::exception& error) {
    const std::string text = std::string(error.what()) + "\n";
    (void)!::write(STDERR_FILENO, text.data(), text.size());
    return 1;
  }
}

// What exec would close, and sockets: a body must keep no connection or port of this process open.
void close_what_a_body_must_not_have(int kept) {
  for (const std::string& name : list_directory("/proc/self/fd")) {
    const int fd = std::atoi(name.c_str());
    struct stat status {};
    if (fd <= 2 || fd == kept || ::fstat(fd, &status) != 0) continue;
    if ((::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0 || S_ISSOCK(status.st_mode)) ::close(fd);
  }
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (std::string& s : strings) result.push_back(s.data());
  result.push_back(nullptr);
  return result;
}

}  // namespace

std::string Command::text() const {
  std::string text;
  for (const std::string& word : argv) text += (text.empty() ? "" : " ") + word;
  return text;
}

int ExitStatus::code() const { return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status); }

std::string ExitStatus::text() const {
  if (WIFEXITED(wait_status)) return "status " + std::to_string(WEXITSTATUS(wait_status));
  int number = WTERMSIG(wait_status);
  return "signal " + std::to_string(number) + " (" + ::strsignal(number) + ")";
}

void reap_children(asio::io_context& io) {
  auto signals = std::make_shared<asio::signal_set>(io, SIGCHLD);
  asio::co_spawn(io, reap_loop(signals), asio::detached);
}

void reap_children_after_fork(asio::io_context& io) {
  children().running.clear();
  children().early.clear();
  children().starting = 0;
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &ends, nullptr);
  ::signal(SIGCHLD, SIG_DFL);
  const int signals = ::signalfd(-1, &ends, SFD_NONBLOCK | SFD_CLOEXEC);
  if (signals < 0) throw Error::from_errno("hear of the ends of programs");
  auto heard = std::make_shared<asio::posix::stream_descriptor>(io, signals);
  asio::co_spawn(io, reap_signalled(heard), asio::detached);
}

Process::Process(asio::io_context& io, const Command& command, unsigned with) : state_(std::make_shared<State>(io)) {
  std::optional<PipePair> in, out, err;
  if (with & in_pipe) in.emplace();
  if (with & out_pipe) out.emplace();
  if (with & err_pipe) err.emplace();
  PipePair failure;

  std::vector<std::string> arguments = command.argv;
  std::vector<std::string> environment = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                                          "LC_ALL=C", "HOME=/"};
  environment.insert(environment.end(), command.environment.begin(), command.environment.end());
  std::vector<char*> argv = pointers(arguments), envp = pointers(environment);

  // execvpe searches the PATH of this process, which as PID 1 has none.
  static const int has_path = ::setenv("PATH", environment.front().c_str() + std::strlen("PATH="), 0);
  (void)has_path;

  Starting starting;
  const pid_t parent = ::getpid();
  pid_t pid = ::fork();
  if (pid < 0) throw Error::from_errno("start " + command.argv.at(0));
  if (pid == 0) {
    int out_fd = out ? out->write.get() : -1;
    int err_fd = err ? err->write.get() : (with & err_with_out) ? out_fd : -1;
    int why = become(command, parent, argv.data(), envp.data(), in ? in->read.get() : -1, out_fd, err_fd);
    if (why == 0) {
      close_what_a_body_must_not_have(command.body_keeps);  // the end of the pipe for failures, too: it has begun
      ::_exit(status_of(command.body));
    }
    (void)!::write(failure.write.get(), &why, sizeof why);
    ::_exit(127);
  }

  failure.write.reset();
  int why = 0;
  ssize_t got;
  do got = ::read(failure.read.get(), &why, sizeof why);
  while (got < 0 && errno == EINTR);
  if (got > 0) {
    ::waitpid(pid, nullptr, 0);
    throw Error::from_errno("run " + command.argv.at(0), why);
  }

  state_->pid = pid;
  state_->group = command.new_session || !command.controlling_terminal.empty();
  if (in) state_->in.assign(in->write.release());
  if (out) state_->out.assign(out->read.release());
  if (err) state_->err.assign(err->read.release());
  // Not an owner: a child may outlive the Process and the io_context that its State belongs to.
  auto tell = [weak = std::weak_ptr<State>(state_), executor = io.get_executor()](ExitStatus how) {
    auto state = weak.lock();
    if (!state) return;
    state->reaped = true;
    auto set = [state, how] {
      state->status = how;
      state->ended.cancel();
    };
    asio::post(executor, std::move(set));
  };
  starting.running(pid, std::move(tell));
}

Process::Process(Process&&) noexcept = default;

Process& Process::operator=(Process&& other) noexcept {
  std::swap(state_, other.state_);
  return *this;
}

Process::~Process() {
  if (state_ && !state_->status) kill(SIGKILL);
}

pid_t Process::pid() const { return state_->pid; }
asio::posix::stream_descriptor& Process::in() { return state_->in; }
asio::posix::stream_descriptor& Process::out() { return state_->out; }
asio::posix::stream_descriptor& Process::err() { return state_->err; }

Awaitable<ExitStatus> Process::wait() {
  auto state = state_;  // outlives a Process that is destroyed meanwhile
  while (!state->status) {
    co_await state->ended.async_wait(asio::as_tuple(asio::use_awaitable));
    auto cancelled = (co_await asio::this_coro::cancellation_state).cancelled();
    if (cancelled != asio::cancellation_type::none && !state->status)
      throw boost::system::system_error(asio::error::operation_aborted);
  }
  co_return *state->status;
}

void Process::kill(int signal) {
  if (state_->reaped) return;
  ::kill(state_->group ? -state_->pid : state_->pid, signal);
}

void LastLines::add(std::string_view line) {
  lines_.emplace_back(line);
  if (lines_.size() > 5) lines_.pop_front();
}

std::string LastLines::text() const {
  std::string text;
  for (const std::string& line : lines_) text += (text.empty() ? "" : "; ") + line;
  return text.empty() ? "it printed nothing" : text;
}

Awaitable<void> for_each_line(asio::posix::stream_descriptor& pipe, std::function<void(std::string_view)> line) {
  constexpr std::size_t longest = 64 * 1024;
  std::string pending;
  char buffer[8192];
  for (;;) {
    auto target = asio::buffer(buffer);
    auto [error, size] = co_await pipe.async_read_some(target, asio::as_tuple(asio::use_awaitable));
    if (error == asio::error::operation_aborted) throw boost::system::system_error(error);
    pending.append(buffer, size);
    std::size_t start = 0;
    for (std::size_t end; (end = pending.find_first_of("\r\n", start)) != std::string::npos; start = end + 1) {
      if (end > start && line) line(std::string_view(pending).substr(start, end - start));
    }
    pending.erase(0, start);
    if (pending.size() > longest || (error && !pending.empty())) {
      if (line) line(pending);
      pending.clear();
    }
    if (error) co_return;
  }
}

namespace {

using namespace std::chrono_literals;

// How long the output of a program that has ended is waited for, and a program that was killed.
constexpr auto grace = 2s;
constexpr auto grace_after_kill = 5s;

Command in_session(Command command) {
  command.new_session = true;
  return command;
}

// A program, what it prints, and the end of both. Who works on it leaves news, and one coroutine looks at them: to
// combine awaitables instead would make ka-init larger by a tenth.
class WholeRun {
 public:
  WholeRun(asio::io_context& io, const Command& command, unsigned with)
      : process(io, in_session(command), with | (command.input.empty() ? Process::none : Process::in_pipe)),
        state_(std::make_shared<State>(io)),
        command_(command) {
    auto ended = [state = state_](std::exception_ptr, ExitStatus status) {
      state->ended = true;
      state->status = status;
      state->news.cancel();
    };
    asio::co_spawn(io, process.wait(), std::move(ended));
    if (!command.input.empty()) hear(feed());
  }

  // Somebody who reads a pipe of the program. finish() does not return before it has ended.
  void hear(Awaitable<void> reading) {
    ++state_->readers;
    auto ended = [state = state_](std::exception_ptr) {
      --state->readers;
      state->news.cancel();
    };
    asio::co_spawn(state_->news.get_executor(), std::move(reading), std::move(ended));
  }

  // What holds a pipe open after the program has ended was left behind by it.
  Awaitable<ExitStatus> finish(std::function<void(std::string_view)> line) {
    std::exception_ptr stopped;
    bool heard_all = false;
    try {
      const bool limited = command_.limit.count() > 0;
      co_await until(limited ? Clock::now() + command_.limit : Clock::time_point::max(), false);
      if (state_->ended) co_await until(Clock::now() + grace, true);
      heard_all = state_->readers == 0;
    } catch (...) {
      stopped = std::current_exception();
    }
    const bool in_time = state_->ended;
    if (stopped) co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    if (!in_time) process.kill(SIGKILL);
    // One that waits for a dead device does not even die.
    if (!in_time && !stopped) co_await until(Clock::now() + grace_after_kill, false);
    boost::system::error_code ignored;
    process.in().close(ignored);
    process.out().close(ignored);
    process.err().close(ignored);
    co_await until(Clock::time_point::max(), true);
    if (stopped) std::rethrow_exception(stopped);
    for (const std::string& name : end_left_behind(process.pid(), !command_.root.empty() || !heard_all))
      if (line) line(command_.text() + " left " + name + " running: ended");
    if (!in_time)
      throw Error(command_.text(), "it did not end within the limit of " + std::to_string(command_.limit.count()) +
                                       " s that each step has (--step-limit)");
    co_return state_->status;
  }

  Process process;

 private:
  using Clock = asio::steady_timer::clock_type;

  struct State {
    explicit State(asio::io_context& io) : news(io) {}
    asio::steady_timer news;
    unsigned readers = 0;
    bool ended = false;
    ExitStatus status;
  };

  // A program that ends without reading it says why itself.
  Awaitable<void> feed() {
    auto bytes = asio::buffer(command_.input.text());
    co_await asio::async_write(process.in(), bytes, asio::as_tuple(asio::use_awaitable));
    boost::system::error_code ignored;
    process.in().close(ignored);
  }

  // The program's end, or (`output`) that of all who read its pipes; at latest at `end`.
  Awaitable<void> until(Clock::time_point end, bool output) {
    while (!(output ? state_->readers == 0 : state_->ended) && Clock::now() < end) {
      state_->news.expires_at(end);
      co_await state_->news.async_wait(asio::as_tuple(asio::use_awaitable));
      auto cancelled = (co_await asio::this_coro::cancellation_state).cancelled();
      if (cancelled != asio::cancellation_type::none) throw boost::system::system_error(asio::error::operation_aborted);
    }
  }

  std::shared_ptr<State> state_;
  const Command& command_;
};

}  // namespace

bool is_running_child(pid_t pid) {
  Lock lock(children().mutex);
  return children().running.count(pid) > 0 || children().starting > 0;
}

Awaitable<ExitStatus> run(asio::io_context& io, const Command& command, std::function<void(std::string_view)> line) {
  WholeRun whole(io, command, Process::out_pipe | Process::err_with_out);
  whole.hear(for_each_line(whole.process.out(), line));
  co_return co_await whole.finish(line);
}

namespace {

[[noreturn]] void fail(const Command& command, ExitStatus status, const LastLines& last) {
  throw Error(command.text() + " ended with " + status.text(), last.text());
}

}  // namespace

Awaitable<void> run_checked(asio::io_context& io, const Command& command, std::function<void(std::string_view)> line) {
  LastLines last;
  auto both = [&last, &line](std::string_view text) {
    last.add(text);
    if (line) line(text);
  };
  ExitStatus status = co_await run(io, command, both);
  if (!status.ok()) fail(command, status, last);
}

Awaitable<std::string> output_of(asio::io_context& io, const Command& command) {
  WholeRun whole(io, command, Process::out_pipe | Process::err_pipe);
  LastLines last;
  auto keep = [&last](std::string_view text) { last.add(text); };
  std::string output;
  auto read_out = [&whole, &output]() -> Awaitable<void> {
    auto buffer = asio::dynamic_buffer(output);
    co_await asio::async_read(whole.process.out(), buffer, asio::transfer_all(), asio::as_tuple(asio::use_awaitable));
  };
  // Read side by side, so that neither pipe can fill up and stop the program.
  whole.hear(read_out());
  whole.hear(for_each_line(whole.process.err(), keep));
  ExitStatus status = co_await whole.finish({});
  if (!status.ok()) fail(command, status, last);
  co_return output;
}

}  // namespace ka
