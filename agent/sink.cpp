#include "agent/sink.h"

#include <fcntl.h>

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

FileSink::FileSink(UniqueFd file, std::string name) : path_(std::move(name)), fd_(std::move(file)) {}

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

CommandSink::CommandSink(asio::io_context& io, const Command& command, std::function<void(std::string_view)> on_line)
    : program_(PipedProcess::start(io, command, Process::in_pipe, std::move(on_line))) {}

CommandSink::~CommandSink() { abort(); }

Awaitable<void> CommandSink::write(std::span<const std::byte> bytes) {
  auto program = program_;
  auto buffer = asio::buffer(bytes.data(), bytes.size());
  auto [error, size] = co_await asio::async_write(program->in(), buffer, asio::as_tuple(asio::use_awaitable));
  (void)size;
  if (!error) co_return;
  std::string doing = "write to " + program->text();
  if (error != asio::error::broken_pipe) throw Error(doing, error.message());
  ExitStatus status = co_await program->wait();
  std::string words = co_await program->last_words();
  throw Error(doing, "it ended with " + status.text() + " before it had read everything: " + words);
}

Awaitable<void> CommandSink::close() {
  program_->in().close();
  co_await program_->wait_for_success();
}

void CommandSink::abort() noexcept { program_->stop(); }

}  // namespace ka::agent
