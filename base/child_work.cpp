#include "base/child_work.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "base/error.h"
#include "base/files.h"
#include "base/open_files.h"
#include "base/unique_fd.h"

namespace ka {

namespace {

constexpr char good = '+', bad = '-';  // the first byte of what a child writes

[[noreturn]] void be_the_child(int out, const std::function<std::string()>& work) {
  close_all_but({STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO, out});
  for (int number : {SIGPIPE, SIGINT, SIGTERM, SIGHUP, SIGCHLD}) ::signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  std::string result;
  try {
    result = good + work();
  } catch (const std::exception& error) {
    result = bad + std::string(error.what());
  }
  try {
    write_all(out, result, "the pipe to its parent");
  } catch (const std::exception&) {
    ::_exit(1);
  }
  ::_exit(0);
}

}  // namespace

Awaitable<std::string> in_child(asio::io_context& io, std::string doing, std::function<std::string()> work,
                                std::chrono::seconds limit) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw Error::from_errno(doing + ": make a pipe");
  asio::posix::stream_descriptor answer(io, ends[0]);
  UniqueFd out(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) throw Error::from_errno(doing + ": fork");
  if (child == 0) be_the_child(out.get(), work);
  out.reset();

  bool late = false;
  asio::steady_timer timer(io);
  if (limit.count() > 0) {
    timer.expires_after(limit);
    auto end_it = [&](const boost::system::error_code& error) {
      if (error) return;
      late = true;
      ::kill(child, SIGKILL);
      answer.cancel();
    };
    timer.async_wait(end_it);
  }
  std::string text;
  auto buffer = asio::dynamic_buffer(text);
  auto [error, size] =
      co_await asio::async_read(answer, buffer, asio::transfer_all(), asio::as_tuple(asio::use_awaitable));
  (void)size;
  timer.cancel();
  if (late) throw Error(doing, "no answer after " + std::to_string(limit.count()) + " s");
  if (error != asio::error::eof) {
    ::kill(child, SIGKILL);
    throw boost::system::system_error(error);
  }
  if (text.empty()) throw Error(doing, "the child process that did it was killed");
  const bool ended_well = text.front() == good;
  text.erase(0, 1);
  if (!ended_well) throw Error(text);
  co_return text;
}

}  // namespace ka
