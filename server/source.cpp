#include "server/source.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/child_work.h"
#include "base/error.h"
#include "base/piped_process.h"
#include "base/unique_fd.h"

namespace ka::server {

namespace {

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

class ComputedSource final : public Source {
 public:
  ComputedSource(asio::io_context& io, std::string doing, std::function<std::string()> work)
      : io_(io), doing_(std::move(doing)), work_(std::move(work)) {}

  Awaitable<std::size_t> read(std::span<std::byte> room) override {
    if (!bytes_) {
      auto made = in_child(io_, doing_, work_, std::chrono::seconds(0));
      bytes_ = buffer_source(co_await std::move(made));
    }
    co_return co_await bytes_->read(room);
  }
  Awaitable<std::vector<std::string>> finish() override { co_return std::vector<std::string>(); }

 private:
  asio::io_context& io_;
  std::string doing_;
  std::function<std::string()> work_;
  std::unique_ptr<Source> bytes_;  // once they are made
};

class FileSource final : public Source {
 public:
  explicit FileSource(const std::string& path) : path_(path), fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (!fd_.valid()) throw Error::from_errno("open " + path);
    ::posix_fadvise(fd_.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
  }

  Awaitable<std::size_t> read(std::span<std::byte> room) override {
    ssize_t size;
    do size = ::read(fd_.get(), room.data(), room.size());
    while (size < 0 && errno == EINTR);
    if (size < 0) throw Error::from_errno("read " + path_);
    co_return static_cast<std::size_t>(size);
  }
  Awaitable<std::vector<std::string>> finish() override { co_return std::vector<std::string>(); }

 private:
  std::string path_;
  UniqueFd fd_;
};

class CommandSource final : public Source {
 public:
  CommandSource(asio::io_context& io, const Command& command, int warning_status,
                std::function<void(std::string_view)> on_line)
      : listens_(on_line != nullptr),
        program_(PipedProcess::start(io, command, Process::out_pipe, std::move(on_line))),
        warning_status_(warning_status) {}
  ~CommandSource() override { program_->stop(); }

  Awaitable<std::size_t> read(std::span<std::byte> room) override {
    auto program = program_;
    auto buffer = asio::buffer(room.data(), room.size());
    auto [error, size] = co_await program->out().async_read_some(buffer, asio::as_tuple(asio::use_awaitable));
    if (error == asio::error::eof) co_return 0;
    if (error) throw Error("read what " + program->text() + " writes", error.message());
    co_return size;
  }

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
  bool listens_;
  std::shared_ptr<PipedProcess> program_;
  int warning_status_;
};

}  // namespace

std::unique_ptr<Source> buffer_source(std::string bytes) { return std::make_unique<BufferSource>(std::move(bytes)); }

std::unique_ptr<Source> computed_source(asio::io_context& io, std::string doing, std::function<std::string()> work) {
  return std::make_unique<ComputedSource>(io, std::move(doing), std::move(work));
}

std::unique_ptr<Source> file_source(const std::string& path) { return std::make_unique<FileSource>(path); }

std::unique_ptr<Source> command_source(asio::io_context& io, const Command& command, int warning_status,
                                       std::function<void(std::string_view)> on_line) {
  return std::make_unique<CommandSource>(io, command, warning_status, std::move(on_line));
}

}  // namespace ka::server
