#pragma once
/// A program that a stream is piped into, out of, or through: a process group of its own, and its stderr is heard while
/// it runs.

#include <memory>
#include <string>

#include "base/process.h"

namespace ka {

class PipedProcess : public std::enable_shared_from_this<PipedProcess> {
 public:
  /// `with`: Process::in_pipe, Process::out_pipe or both; they hold several chunks. Each line of stderr goes to
  /// `on_line`. Throws Error if the program cannot be executed. Whoever started it must stop() it, also after its end.
  static std::shared_ptr<PipedProcess> start(asio::io_context& io, const Command& command, unsigned with,
                                             std::function<void(std::string_view)> on_line = {});

  std::string text() const { return command_.text(); }
  asio::posix::stream_descriptor& in() { return process_.in(); }
  asio::posix::stream_descriptor& out() { return process_.out(); }

  Awaitable<ExitStatus> wait();
  /// The last it said on stderr, once it has ended.
  Awaitable<std::string> last_words();
  /// Waits for its end, and until all it said was heard; throws Error unless it ended with 0.
  Awaitable<void> wait_for_success();
  /// Kills it with all that it started, and closes the pipes. What waits for them ends with an error.
  void stop() noexcept;

 private:
  PipedProcess(asio::io_context& io, const Command& command, unsigned with,
               std::function<void(std::string_view)> on_line);
  static Awaitable<void> listen(std::shared_ptr<PipedProcess> self);

  Command command_;
  Process process_;
  std::function<void(std::string_view)> on_line_;
  LastLines last_;
  bool all_said_ = false;
  asio::steady_timer silent_;  // cancelled when its stderr has ended
};

}  // namespace ka
