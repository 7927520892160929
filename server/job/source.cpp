#include "server/job/source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/files.h"
#include "base/piped_process.h"
#include "base/unique_fd.h"

namespace ka::server {

namespace {

constexpr std::size_t piece = 1 << 20;  // as much as the pipe holds

class BufferSource final : public Source {
 public:
  explicit BufferSource(std::string bytes) : bytes_(std::move(bytes)) {}

  Awaitable<std::size_t> read(std::span<std::byte> room) override {
    std::size_t size = std::min(room.size(), bytes_.size() - used_);
    std::memcpy(room.data(), bytes_.data() + used_, size);
    used_ += size;
    co_return size;
  }
  Awaitable<std::vector<std::string>> finish() override { co_return std::vector<std::string>(); }

 private:
  std::string bytes_;
  std::size_t used_ = 0;
};

// What a child of this process writes to a pipe.
class PipeSource : public Source {
 public:
  explicit PipeSource(asio::io_context& io, const Command& command, std::function<void(std::string_view)> on_line = {})
      : program_(PipedProcess::start(io, command, Process::out_pipe, std::move(on_line))) {}
  ~PipeSource() override { program_->stop(); }

  Awaitable<std::size_t> read(std::span<std::byte> room) override {
    auto program = program_;
    auto buffer = asio::buffer(room.data(), room.size());
    auto [error, size] = co_await program->out().async_read_some(buffer, asio::as_tuple(asio::use_awaitable));
    if (error == asio::error::eof) co_return 0;
    if (error) throw Error("read what " + program->text() + " writes", error.message());
    co_return size;
  }
  Awaitable<UniqueFd> hand_over() override { co_return UniqueFd(program_->out().release()); }

 protected:
  std::shared_ptr<PipedProcess> program_;
};

// In the child, with its standard output. splice(2) hands on the pages of a file without a copy; what cannot be spliced
// (a terminal, some file systems) is read and written.
void copy_file_out(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) throw Error::from_errno("open " + path);
  ::posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  for (;;) {
    const ssize_t size = ::splice(fd, nullptr, STDOUT_FILENO, nullptr, piece, SPLICE_F_MOVE | SPLICE_F_MORE);
    if (size == 0) return;
    if (size < 0 && errno == EINVAL) break;
    if (size < 0 && errno != EINTR) throw Error::from_errno("read " + path);
  }
  std::vector<char> room(piece);
  for (;;) {
    ssize_t size = ::read(fd, room.data(), room.size());
    if (size == 0) return;
    if (size < 0 && errno != EINTR) throw Error::from_errno("read " + path);
    for (const char* at = room.data(); size > 0;) {
      const ssize_t written = ::write(STDOUT_FILENO, at, static_cast<std::size_t>(size));
      if (written < 0 && errno != EINTR) throw Error::from_errno("hand on " + path);
      if (written > 0) at += written, size -= written;
    }
  }
}

// Likewise.
void copy_extents_out(const std::string& path, const ExtentsToRead& what, std::uint64_t size) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | (what.alone ? O_EXCL : 0)));
  if (!fd.valid() && errno == EBUSY) throw Error("open " + path, "it is in use; was it mounted meanwhile?");
  if (!fd.valid()) throw Error::from_errno("open " + path);
  for (const wire::Extent& extent : what.extents) {
    write_all(STDOUT_FILENO, wire::extent_header(extent), "what was read of " + path);
    for (std::uint64_t done = 0; done < extent.size;) {
      auto from = static_cast<off_t>(extent.offset + done);
      const ssize_t some = ::splice(fd.get(), &from, STDOUT_FILENO, nullptr,
                                    std::min<std::uint64_t>(piece, extent.size - done), SPLICE_F_MOVE | SPLICE_F_MORE);
      if (some < 0 && errno == EINTR) continue;
      if (some < 0) throw Error::from_errno("read " + path);
      if (some == 0) throw Error("read " + path, "it ends at byte " + std::to_string(from));
      done += static_cast<std::uint64_t>(some);
    }
  }
  write_all(STDOUT_FILENO, wire::extents_end(size), "what was read of " + path);
}

// A child that does not run a program, but a function of this one: it says what failed, and ends with 1.
class ChildSource final : public PipeSource {
 public:
  ChildSource(asio::io_context& io, const Command& command) : PipeSource(io, command) {}

  Awaitable<std::vector<std::string>> finish() override {
    auto program = program_;
    ExitStatus status = co_await program->wait();
    std::string words = co_await program->last_words();
    if (status.code() == 1) throw Error(words);
    if (!status.ok()) throw Error(program->text(), "the process for it ended with " + status.text());
    co_return std::vector<std::string>();
  }
};

// What is to be read is found first; destroyed meanwhile, it reads nothing.
class ExtentsSource final : public Source {
 public:
  ExtentsSource(asio::io_context& io, const std::string& path, std::uint64_t size,
                std::function<Awaitable<ExtentsToRead>()> find)
      : state_(std::make_shared<State>(State{io, path, size, std::move(find), nullptr, false})) {}
  ~ExtentsSource() override {
    state_->stopped = true;
    state_->reader.reset();
  }

  Awaitable<std::size_t> read(std::span<std::byte> room) override {
    auto state = state_;
    if (!state->reader) co_await begin(state);
    co_return co_await state->reader->read(room);
  }
  Awaitable<UniqueFd> hand_over() override {
    auto state = state_;
    co_await begin(state);
    co_return co_await state->reader->hand_over();
  }

  Awaitable<std::vector<std::string>> finish() override {
    auto state = state_;
    co_return co_await state->reader->finish();
  }

 private:
  struct State {
    asio::io_context& io;
    std::string path;
    std::uint64_t size;
    std::function<Awaitable<ExtentsToRead>()> find;
    std::unique_ptr<Source> reader;
    bool stopped;
  };

  static Awaitable<void> begin(std::shared_ptr<State> state) {
    auto find = state->find;
    ExtentsToRead what = co_await find();
    if (state->stopped) throw Error("read " + state->path, "it was stopped");
    Command command({"read", state->path});
    command.body = [path = state->path, size = state->size, what = std::move(what)] {
      copy_extents_out(path, what, size);
    };
    state->reader = std::make_unique<ChildSource>(state->io, command);
  }

  std::shared_ptr<State> state_;
};

class CommandSource final : public PipeSource {
 public:
  CommandSource(asio::io_context& io, const Command& command, int warning_status,
                std::function<void(std::string_view)> on_line)
      : PipeSource(io, command, on_line), warning_status_(warning_status), listens_(on_line != nullptr) {}

  Awaitable<std::vector<std::string>> finish() override {
    auto program = program_;
    const int warning_status = warning_status_;
    const bool listens = listens_;
    ExitStatus status = co_await program->wait();
    std::string words = co_await program->last_words();
    std::vector<std::string> warnings;
    if (status.ok()) co_return warnings;
    std::string what = program->text() + " ended with " + status.text();
    if (warning_status == 0 || status.code() != warning_status) throw Error(what, words);
    if (!listens) warnings.push_back(what + ": " + words);
    co_return warnings;
  }

 private:
  int warning_status_;
  bool listens_;
};

}  // namespace

Awaitable<UniqueFd> Source::hand_over() { throw Error("hand a source over", "it is read here"); }

std::unique_ptr<Source> buffer_source(std::string bytes) { return std::make_unique<BufferSource>(std::move(bytes)); }

std::unique_ptr<Source> computed_source(asio::io_context& io, const std::string& doing,
                                        std::function<std::string()> work) {
  std::function<void()> body = [work = std::move(work)] { write_all(STDOUT_FILENO, work(), "what was found"); };
  return child_source(io, {doing}, std::move(body));
}

std::unique_ptr<Source> child_source(asio::io_context& io, std::vector<std::string> argv, std::function<void()> body) {
  Command command(std::move(argv));
  command.body = std::move(body);
  return std::make_unique<ChildSource>(io, command);
}

std::unique_ptr<Source> file_source(asio::io_context& io, const std::string& path) {
  return child_source(io, {"read", path}, [path] { copy_file_out(path); });
}

std::unique_ptr<Source> extents_source(asio::io_context& io, const std::string& path, std::uint64_t size,
                                       std::function<Awaitable<ExtentsToRead>()> find) {
  return std::make_unique<ExtentsSource>(io, path, size, std::move(find));
}

std::uint64_t check_file_source(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) throw Error::from_errno("open " + path);
  if (S_ISDIR(status.st_mode)) throw Error("open " + path, "it is a directory; tar can send one: -e 'tar -cf - .'");
  if (S_ISSOCK(status.st_mode)) throw Error("open " + path, "it is a socket");
  // To open a FIFO would be to wait for who writes into it.
  if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode)) {
    if (::access(path.c_str(), R_OK) != 0) throw Error::from_errno("open " + path);
    return 0;
  }
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) throw Error::from_errno("open " + path);
  const off_t end = ::lseek(fd.get(), 0, SEEK_END);
  return end > 0 ? static_cast<std::uint64_t>(end) : 0;
}

std::unique_ptr<Source> command_source(asio::io_context& io, const Command& command, int warning_status,
                                       std::function<void(std::string_view)> on_line) {
  return std::make_unique<CommandSource>(io, command, warning_status, std::move(on_line));
}

}  // namespace ka::server
