#pragma once
/// A program that an operator runs on this machine, on pipes or on a terminal of its own. It ends with this, and with
/// it all that it has started in its session.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/machine/operator_programs.h"
#include "base/process.h"
#include "wire/command/messages.h"

namespace ka::agent {

class Program {
 public:
  /// `root`: where it runs, by chroot(2); empty: here. Throws Error, naming the program.
  Program(asio::io_context& io, const std::string& root, const wire::command::Exec& exec);
  /// The shell of `root` on a terminal.
  Program(asio::io_context& io, const std::string& root, const wire::command::Shell& shell);

  /// Standard output, or what the terminal shows.
  asio::posix::stream_descriptor& out() { return terminal_ ? *terminal_ : process_->out(); }
  /// Standard error; of one on a terminal there is nothing.
  asio::posix::stream_descriptor& err() { return process_->err(); }
  asio::posix::stream_descriptor& in() { return terminal_ ? *terminal_ : process_->in(); }
  bool on_terminal() const { return terminal_.has_value(); }
  void resize(std::uint16_t columns, std::uint16_t rows);

  Awaitable<ExitStatus> wait() { return process_->wait(); }
  /// Kills it, and whatever is left of its session.
  void end();

 private:
  std::optional<asio::posix::stream_descriptor> terminal_;
  std::optional<Process> process_;
  std::optional<OperatorProgram> entry_;
};

}  // namespace ka::agent
