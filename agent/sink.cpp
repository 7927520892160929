#include "agent/sink.h"

#include <fcntl.h>
#include <signal.h>

#include <deque>

#include "base/error.h"
#include "base/text.h"

namespace ka::agent {

// BufferSink

Awaitable<void> BufferSink::write(std::span<const std::byte> bytes) {
  if (bytes.size() > limit_ - content_.size())
    throw Error("receive into memory", "more than the " + format_size(limit_) + " that are allowed");
  content_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  co_return;
}

Awaitable<void> BufferSink::close() { co_return; }

void BufferSink::abort() noexcept { content_.clear(); }

// FileSink

namespace {

// Writing back is started early and waited for in these steps. Otherwise the kernel lets dirty pages pile up, stops
// this process for seconds when there are too many, and the server would take it for dead.
constexpr off_t write_back_step = 8 << 20;

void sync_or_throw(int fd, const std::string& path) {
  // Pipes and character devices cannot be synced, and need not be.
  if (::fsync(fd) != 0 && errno != EINVAL && errno != EROFS) throw Error::from_errno("write " + path + " to its disk");
}

}  // namespace

FileSink::FileSink(std::string path)
    : path_(std::move(path)), fd_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)) {
  if (!fd_.valid()) throw Error::from_errno("open " + path_);
}

Awaitable<void> FileSink::write(std::span<const std::byte> bytes) {
  const auto* data = reinterpret_cast<const char*>(bytes.data());
  for (std::size_t done = 0; done < bytes.size();) {
    ssize_t wrote = ::write(fd_.get(), data + done, bytes.size() - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) throw Error::from_errno("write " + path_);
    done += static_cast<std::size_t>(wrote);
  }
  off_t before = written_;
  written_ += static_cast<off_t>(bytes.size());
  off_t step = written_ / write_back_step;
  if (step != before / write_back_step) {
    // Errors show again, and are fatal, at close().
    ::sync_file_range(fd_.get(), (step - 1) * write_back_step, write_back_step, SYNC_FILE_RANGE_WRITE);
    if (step > 1)
      ::sync_file_range(fd_.get(), (step - 2) * write_back_step, write_back_step,
                        SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
  }
  co_return;
}

Awaitable<void> FileSink::close() {
  sync_or_throw(fd_.get(), path_);
  if (::close(fd_.release()) != 0) throw Error::from_errno("close " + path_);
  co_return;
}

void FileSink::abort() noexcept { fd_.reset(); }

// CommandSink

struct CommandSink::State {
  State(asio::io_context& io, const Command& what, std::function<void(std::string_view)> on_line)
      : command(what), process(io, what, Process::Pipe::in_and_err), line(std::move(on_line)), silent(io) {
    silent.expires_at(asio::steady_timer::time_point::max());
  }

  Command command;
  Process process;
  std::function<void(std::string_view)> line;
  std::deque<std::string> last_lines;
  bool all_said = false;
  asio::steady_timer silent;  // cancelled when its stderr has ended

  static Awaitable<void> listen(std::shared_ptr<State> self) {
    auto keep = [state = self.get()](std::string_view text) {
      state->last_lines.emplace_back(text);
      if (state->last_lines.size() > 5) state->last_lines.pop_front();
      if (state->line) state->line(text);
    };
    try {
      co_await for_each_line(self->process.err(), keep);
    } catch (const std::exception&) {
      // The sink was aborted.
    }
    self->all_said = true;
    self->silent.cancel();
  }

  // Its last words, once it has ended. Something it left running in the background may keep its stderr open.
  Awaitable<std::string> last_words() {
    if (!all_said) {
      silent.expires_after(std::chrono::milliseconds(500));
      co_await silent.async_wait(asio::as_tuple(asio::use_awaitable));
    }
    std::string words;
    for (const std::string& text : last_lines) words += (words.empty() ? "" : "; ") + text;
    co_return words.empty() ? "it printed nothing" : words;
  }
};

CommandSink::CommandSink(asio::io_context& io, const Command& command, std::function<void(std::string_view)> on_line) {
  Command in_group = command;
  in_group.new_session = true;
  state_ = std::make_shared<State>(io, in_group, std::move(on_line));
  // A pipe that holds several chunks: fewer turns between this process and the program.
  ::fcntl(state_->process.in().native_handle(), F_SETPIPE_SZ, 1 << 20);
  asio::co_spawn(io, State::listen(state_), asio::detached);
}

CommandSink::~CommandSink() { abort(); }

Awaitable<void> CommandSink::write(std::span<const std::byte> bytes) {
  auto state = state_;
  auto buffer = asio::buffer(bytes.data(), bytes.size());
  auto [error, size] =
      co_await asio::async_write(state->process.in(), buffer, asio::as_tuple(asio::use_awaitable));
  (void)size;
  if (!error) co_return;
  std::string doing = "write to " + state->command.text();
  if (error != asio::error::broken_pipe) throw Error(doing, error.message());
  ExitStatus status = co_await state->process.wait();
  std::string words = co_await state->last_words();
  throw Error(doing, "it ended with " + status.text() + " before it had read everything: " + words);
}

Awaitable<void> CommandSink::close() {
  auto state = state_;
  state->process.in().close();
  ExitStatus status = co_await state->process.wait();
  if (status.ok()) {
    // Everything it said is heard before this returns, unless something keeps its stderr open.
    co_await state->last_words();
    co_return;
  }
  std::string words = co_await state->last_words();
  throw Error(state->command.text() + " ended with " + status.text(), words);
}

void CommandSink::abort() noexcept {
  try {
    // First the signal: a program must not take the closed pipe for the end of its input.
    state_->process.kill(SIGKILL);
    boost::system::error_code ignored;
    state_->process.in().close(ignored);
    state_->process.err().close(ignored);
    state_->silent.cancel();
  } catch (const std::exception&) {
    // The program has ended already.
  }
}

}  // namespace ka::agent
