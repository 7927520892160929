#include "agent/machine/sink.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <optional>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "wire/extents.h"

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

// Writing back is started early and waited for in these steps: the kernel would else let dirty pages pile up, and the
// end of the stream would be a long wait.
constexpr off_t write_back_step = 8 << 20;
constexpr std::size_t piece = 1 << 20;  // as much as the pipe holds
constexpr std::uint64_t held_back = 4096;

/// What the child does: its standard input goes into the file.
class Writer {
 public:
  Writer(std::string name, int fd, FileSink::From from) : name_(std::move(name)), fd_(fd), from_(from) {}
  Writer(std::string name, int fd, std::uint64_t size)
      : name_(std::move(name)), fd_(fd), from_(FileSink::From::start), extents_(size) {}

  void run() {
    ::signal(SIGPIPE, SIG_IGN);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // without its parent it would take the end of its input for the end
    std::vector<char> room(piece);
    bool begun = false;
    for (;;) {
      const ssize_t size = ::read(STDIN_FILENO, room.data(), room.size());
      if (size < 0 && errno == EINTR) continue;
      if (size < 0) throw Error::from_errno("read what is for " + name_);
      if (!std::exchange(begun, true)) begin();
      if (size == 0) break;
      const std::string_view bytes(room.data(), static_cast<std::size_t>(size));
      if (extents_) {
        extents_->take(std::as_bytes(std::span(bytes)), [this](auto offset, auto some) { write_at(offset, some); });
        continue;
      }
      write_all(bytes);
      write_back(size);
    }
    if (extents_) end_extents();
    // Pipes and character devices cannot be synced, and need not be.
    if (::fsync(fd_) != 0 && errno != EINVAL && errno != EROFS)
      throw Error::from_errno("write " + name_ + " to its disk");
    if (::close(fd_) != 0) throw Error::from_errno("close " + name_);
  }

 private:
  void begin() {
    if (fd_ < 0) {
      fd_ = ::open(name_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOCTTY | O_CLOEXEC, 0644);
      if (fd_ < 0) throw Error::from_errno("open " + name_);
      return;
    }
    if (from_ == FileSink::From::here || extents_) return;
    struct stat status {};
    const bool is_file = ::fstat(fd_, &status) == 0 && S_ISREG(status.st_mode);
    if ((is_file && ::ftruncate(fd_, 0) != 0) || ::lseek(fd_, 0, SEEK_SET) != 0)
      throw Error::from_errno("write " + name_ + " from its beginning");
  }

  void write_all(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t wrote = ::write(fd_, bytes.data(), bytes.size());
      if (wrote < 0 && errno == EAGAIN) {  // whoever shares it has made it so
        pollfd writable{fd_, POLLOUT, 0};
        ::poll(&writable, 1, -1);
      } else if (wrote < 0 && errno != EINTR) {
        throw Error::from_errno("write " + name_);
      }
      if (wrote > 0) bytes.remove_prefix(static_cast<std::size_t>(wrote));
    }
  }

  void write_at(std::uint64_t offset, std::span<const std::byte> bytes) {
    std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (offset < held_back) {
      const std::string_view first = text.substr(0, held_back - offset);
      first_.resize(offset);
      first_.append(first);
      text.remove_prefix(first.size());
      offset += first.size();
    }
    if (text.empty()) return;
    if (::lseek(fd_, static_cast<off_t>(offset), SEEK_SET) < 0) throw Error::from_errno("write " + name_);
    write_all(text);
    written_ += static_cast<off_t>(text.size());
    if (written_ / write_back_step == begun_ / write_back_step) return;
    begun_ = written_;
    ::sync_file_range(fd_, 0, 0, SYNC_FILE_RANGE_WRITE);  // whatever is dirty by now
  }

  void end_extents() {
    extents_->finish();
    if (::fsync(fd_) != 0) throw Error::from_errno("write " + name_ + " to its disk");
    if (::lseek(fd_, 0, SEEK_SET) < 0) throw Error::from_errno("write " + name_);
    write_all(first_);
  }

  // Errors show again, and are fatal, at the fsync.
  void write_back(ssize_t size) {
    if (from_ == FileSink::From::here) return;
    const off_t before = written_;
    written_ += size;
    const off_t step = written_ / write_back_step;
    if (step == before / write_back_step) return;
    ::sync_file_range(fd_, (step - 1) * write_back_step, write_back_step, SYNC_FILE_RANGE_WRITE);
    if (step > 1)
      ::sync_file_range(fd_, (step - 2) * write_back_step, write_back_step,
                        SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
  }

  std::string name_;
  int fd_;  // -1: to be opened
  FileSink::From from_;
  std::optional<wire::ExtentReader> extents_;  // what comes are these
  std::string first_;                          // of them, held back
  off_t written_ = 0, begun_ = 0;              // and when writing back was begun
};

// `what`: from where on, or the size of the device whose extents come.
template <typename What>
Command writer_of(const std::string& name, int fd, What what) {
  Command command({"write", name});
  command.body = [name, fd, what] { Writer(name, fd, what).run(); };
  command.body_keeps = fd;
  return command;
}

// Throws what the child said, unless all is written.
Awaitable<void> end_of(std::shared_ptr<PipedProcess> writer) {
  const ExitStatus status = co_await writer->wait();
  if (status.ok()) co_return;
  const std::string words = co_await writer->last_words();
  if (status.code() == 1) throw Error(words);
  throw Error(writer->text(), "the process for it ended with " + status.text());
}

}  // namespace

// The child has a copy of the descriptor; here it is closed.
FileSink::FileSink(asio::io_context& io, UniqueFd file, const std::string& name, From from)
    : name_(name), writer_(PipedProcess::start(io, writer_of(name, file.get(), from), Process::in_pipe)) {}

FileSink::FileSink(asio::io_context& io, UniqueFd device, const std::string& name, std::uint64_t size)
    : name_(name), writer_(PipedProcess::start(io, writer_of(name, device.get(), size), Process::in_pipe)) {}

FileSink::FileSink(asio::io_context& io, const std::string& path)
    : name_(path), writer_(PipedProcess::start(io, writer_of(path, -1, From::start), Process::in_pipe)) {}

FileSink::~FileSink() { abort(); }

Awaitable<void> FileSink::write(std::span<const std::byte> bytes) {
  auto writer = writer_;
  auto buffer = asio::buffer(bytes.data(), bytes.size());
  auto [error, size] = co_await asio::async_write(writer->in(), buffer, asio::as_tuple(asio::use_awaitable));
  (void)size;
  if (!error) co_return;
  const std::string doing = "write " + name_;
  if (error == asio::error::broken_pipe) co_await end_of(writer);
  throw Error(doing, error.message());
}

Awaitable<void> FileSink::close() {
  auto writer = writer_;
  boost::system::error_code ignored;
  writer->in().close(ignored);
  co_await end_of(writer);
}

void FileSink::abort() noexcept { writer_->stop(); }

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
