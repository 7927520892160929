#include "agent/command/program.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/unique_fd.h"

namespace ka::agent {

namespace {

// Its slave's name, by the kernel's number.
std::string name_of_slave(int master) {
  unsigned number = 0;
  int unlocked = 0;
  if (::ioctl(master, TIOCSPTLCK, &unlocked) != 0 || ::ioctl(master, TIOCGPTN, &number) != 0)
    throw Error::from_errno("make a terminal");
  return "/dev/pts/" + std::to_string(number);
}

}  // namespace

Program::Program(asio::io_context& io, const std::string& root, const wire::command::Exec& exec) {
  Command command(wire::command::words_of(exec));
  command.root = root;
  command.new_session = true;
  const unsigned pipes = Process::out_pipe | Process::err_pipe | (exec.input ? Process::in_pipe : Process::none);
  process_.emplace(io, command, pipes);
  entry_.emplace(process_->pid());
}

Program::Program(asio::io_context& io, const std::string& root, const wire::command::Shell& shell) {
  UniqueFd master(::open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
  if (!master.valid()) throw Error::from_errno("make a terminal");
  const bool bash = ::access((root + "/bin/bash").c_str(), X_OK) == 0;
  Command command({bash ? "/bin/bash" : "/bin/sh", "-i"});
  command.root = root;
  command.controlling_terminal = name_of_slave(master.get());
  command.environment = {"TERM=" + (shell.terminal.empty() ? "dumb" : shell.terminal), "PS1=\\h:\\w# "};
  terminal_.emplace(io, master.release());
  resize(shell.columns, shell.rows);
  process_.emplace(io, command, Process::none);
  entry_.emplace(process_->pid());
}

void Program::resize(std::uint16_t columns, std::uint16_t rows) {
  winsize size{};
  size.ws_col = columns;
  size.ws_row = rows;
  if (terminal_) ::ioctl(terminal_->native_handle(), TIOCSWINSZ, &size);
}

void Program::end() {
  process_->kill(SIGKILL);
  entry_.reset();
  boost::system::error_code ignored;
  for (auto* pipe : {&process_->in(), &process_->out(), &process_->err()}) pipe->close(ignored);
  if (terminal_) terminal_->close(ignored);
}

}  // namespace ka::agent
