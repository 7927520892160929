#pragma once
/// Child processes under Asio: started, fed, listened to, waited for; none is ever left a zombie, also
/// when this process is PID 1 and inherits orphans.

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/asio.h"
#include "base/secret.h"
#include "base/unique_fd.h"

namespace ka {

/// What to run. Nothing goes through a shell unless argv says so.
struct Command {
  explicit Command(std::vector<std::string> arguments) : argv(std::move(arguments)) {}

  std::vector<std::string> argv;         ///< argv[0] is looked up in PATH, inside `root` if that is set
  std::string root;                      ///< chroot(2) there first; empty: stay
  std::vector<std::string> environment;  ///< "NAME=value", added to PATH, LC_ALL=C and HOME=/
  bool ends_with_parent = false;         ///< killed when the thread that has started it ends, whatever ends that
  bool new_session = false;              ///< setsid(2), so that a signal to the group reaches all it starts
  int niceness = 0;                      ///< nice(2): 19 for what is to use only the time that nobody else wants
  std::chrono::seconds limit{0};         ///< run() and the like end it then, with an Error; 0: none
  Secret input;                          ///< run() and the like feed it to standard input; small; empty: /dev/null
  std::string controlling_terminal;      ///< opened as stdin, stdout, stderr of a new session; empty: none
  /// Runs in the child instead of a program, with this process's stdin and memory as they are at the start. What it
  /// throws (std::exception) is a line on standard error and status 1. For calls that may wait long: it must not touch
  /// Asio. argv is only what it is called then.
  std::function<void()> body;
  int body_keeps = -1;  ///< a descriptor that stays open for the body; others that are sockets or close at exec do not

  std::string text() const;  ///< the words, joined by blanks, for messages
};

/// How a child ended.
struct ExitStatus {
  int wait_status = 0;  ///< as waitpid(2) gives it

  bool ok() const { return wait_status == 0; }
  int code() const;          ///< exit status, or 128 + signal
  std::string text() const;  ///< "status 2", "signal 9 (Killed)"
};

/// Must be called once, before the first child, with the context that runs everything: takes SIGCHLD.
/// Children reaped that nobody started here (orphans of PID 1) are dropped in silence. Children of other threads are
/// reaped here too, and told of in the context that they were started with.
void reap_children(asio::io_context& io);

/// The same in a process that was forked from one that had called it, with a context of its own: what Asio knows of
/// signals is still its parent's. Forgets its parent's children; SIGCHLD is blocked from then on.
void reap_children_after_fork(asio::io_context& io);

/// A running child. It has the standard streams and nothing else of what this process has open. Destroying it while the
/// child runs kills its process group (if new_session) or it.
class Process {
 public:
  /// Which standard streams become pipes to us, added up; the others are /dev/null (stdin), or inherited.
  enum Pipes : unsigned {
    none = 0,
    in_pipe = 1,
    out_pipe = 2,
    err_pipe = 4,
    err_with_out = 8,  ///< stderr goes where stdout goes
  };

  /// Starts `command`. Throws Error, naming the program, if it cannot be executed.
  Process(asio::io_context& io, const Command& command, unsigned with);
  Process(Process&&) noexcept;
  Process& operator=(Process&&) noexcept;
  ~Process();

  pid_t pid() const;
  asio::posix::stream_descriptor& in();   ///< ours to write; close it to give the child its end of file
  asio::posix::stream_descriptor& out();  ///< ours to read
  asio::posix::stream_descriptor& err();  ///< ours to read

  /// Resumes when the child has ended and was reaped. Call once.
  Awaitable<ExitStatus> wait();
  void kill(int signal);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// The last lines that a program printed, for the error that its failure becomes.
class LastLines {
 public:
  void add(std::string_view line);
  std::string text() const;  ///< "it printed nothing" if so

 private:
  std::deque<std::string> lines_;
};

/// Each line that `pipe` gives, without its end, until end of file. A line longer than 64 KiB is split;
/// \r ends a line too (progress displays).
Awaitable<void> for_each_line(asio::posix::stream_descriptor& pipe, std::function<void(std::string_view)> line);

/// Whether this process has started `pid` and not reaped it, or is starting something right now.
bool is_running_child(pid_t pid);

/// Runs `command` to its end, stdout and stderr as one; each line goes to `line`. The program's own end counts: what it
/// left running in the background has two seconds more to say something, is then killed, and named in a line.
Awaitable<ExitStatus> run(asio::io_context& io, const Command& command, std::function<void(std::string_view)> line);

/// As run; throws Error "COMMAND ended with STATUS: last lines it printed" unless it ended with 0.
Awaitable<void> run_checked(asio::io_context& io, const Command& command,
                            std::function<void(std::string_view)> line = {});

/// As run_checked, and returns all of stdout (stderr goes into the error's text).
Awaitable<std::string> output_of(asio::io_context& io, const Command& command);

}  // namespace ka
