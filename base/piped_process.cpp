#include "base/piped_process.h"

#include <fcntl.h>
#include <signal.h>

#include "base/error.h"

namespace ka {

namespace {

// A pipe that holds several chunks: fewer turns between this process and the program.
constexpr int pipe_size = 1 << 20;

Command in_group(Command command) {
  command.new_session = true;
  return command;
}

}  // namespace

PipedProcess::PipedProcess(asio::io_context& io, const Command& command, unsigned with,
                           std::function<void(std::string_view)> on_line)
    : command_(in_group(command)),
      process_(io, command_, with | Process::err_pipe),
      on_line_(std::move(on_line)),
      silent_(io, asio::steady_timer::time_point::max()) {
  if (with & Process::in_pipe) ::fcntl(process_.in().native_handle(), F_SETPIPE_SZ, pipe_size);
  if (with & Process::out_pipe) ::fcntl(process_.out().native_handle(), F_SETPIPE_SZ, pipe_size);
}

std::shared_ptr<PipedProcess> PipedProcess::start(asio::io_context& io, const Command& command, unsigned with,
                                                  std::function<void(std::string_view)> on_line) {
  std::shared_ptr<PipedProcess> started(new PipedProcess(io, command, with, std::move(on_line)));
  asio::co_spawn(io, listen(started), asio::detached);
  return started;
}

Awaitable<void> PipedProcess::listen(std::shared_ptr<PipedProcess> self) {
  auto keep = [program = self.get()](std::string_view line) {
    program->last_.add(line);
    if (program->on_line_) program->on_line_(line);
  };
  try {
    co_await for_each_line(self->process_.err(), keep);
  } catch (const std::exception&) {
    // It was stopped.
  }
  self->all_said_ = true;
  self->silent_.cancel();
}

Awaitable<ExitStatus> PipedProcess::wait() {
  auto self = shared_from_this();
  co_return co_await process_.wait();
}

// Something that it left running in the background may keep its stderr open: not waited for.
Awaitable<std::string> PipedProcess::last_words() {
  auto self = shared_from_this();
  if (!all_said_) {
    silent_.expires_after(std::chrono::milliseconds(500));
    co_await silent_.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  co_return last_.text();
}

Awaitable<void> PipedProcess::wait_for_success() {
  auto self = shared_from_this();
  ExitStatus status = co_await process_.wait();
  std::string words = co_await last_words();
  if (!status.ok()) throw Error(command_.text() + " ended with " + status.text(), words);
}

// First the signal: a program must not take a closed pipe for the end of its input.
void PipedProcess::stop() noexcept {
  try {
    process_.kill(SIGKILL);
    boost::system::error_code ignored;
    process_.in().close(ignored);
    process_.out().close(ignored);
    process_.err().close(ignored);
    silent_.cancel();
  } catch (const std::exception&) {
    // It has ended already.
  }
}

}  // namespace ka
