#include "server/source.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

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
  CommandSource(asio::io_context& io, const Command& command, int warning_status)
      : program_(PipedProcess::start(io, command, Process::out_pipe)), warning_status_(warning_status) {}
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
    ExitStatus status = co_await program->wait();
    std::string words = co_await program->last_words();
    std::vector<std::string> warnings;
    if (status.ok()) co_return warnings;
    std::string what = program->text() + " ended with " + status.text();
    if (warning_status == 0 || status.code() != warning_status) throw Error(what, words);
    warnings.push_back(what + ": " + words);
    co_return warnings;
  }

 private:
  std::shared_ptr<PipedProcess> program_;
  int warning_status_;
};

}  // namespace

std::unique_ptr<Source> buffer_source(std::string bytes) { return std::make_unique<BufferSource>(std::move(bytes)); }

std::unique_ptr<Source> file_source(const std::string& path) { return std::make_unique<FileSource>(path); }

std::unique_ptr<Source> command_source(asio::io_context& io, const Command& command, int warning_status) {
  return std::make_unique<CommandSource>(io, command, warning_status);
}

}  // namespace ka::server
