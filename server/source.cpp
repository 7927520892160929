#include "server/source.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <deque>

#include "base/error.h"
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
      : state_(std::make_shared<State>(io, command, warning_status)) {
    // A pipe that holds several chunks: fewer turns between this process and the program.
    ::fcntl(state_->process.out().native_handle(), F_SETPIPE_SZ, 1 << 20);
    asio::co_spawn(io, State::listen(state_), asio::detached);
  }
  ~CommandSource() override {
    try {
      state_->process.kill(SIGKILL);
      boost::system::error_code ignored;
      state_->process.out().close(ignored);
      state_->process.err().close(ignored);
      state_->silent.cancel();
    } catch (const std::exception&) {
      // It has ended already.
    }
  }

  Awaitable<std::size_t> read(std::span<std::byte> room) override {
    auto state = state_;
    auto buffer = asio::buffer(room.data(), room.size());
    auto [error, size] = co_await state->process.out().async_read_some(buffer, asio::as_tuple(asio::use_awaitable));
    if (error == asio::error::eof) co_return 0;
    if (error) throw Error("read what " + state->command.text() + " writes", error.message());
    co_return size;
  }

  Awaitable<std::vector<std::string>> finish() override {
    auto state = state_;
    ExitStatus status = co_await state->process.wait();
    std::string words = co_await state->last_words();
    std::vector<std::string> warnings;
    if (status.ok()) co_return warnings;
    std::string what = state->command.text() + " ended with " + status.text();
    if (state->warning_status == 0 || status.code() != state->warning_status) throw Error(what, words);
    warnings.push_back(what + ": " + words);
    co_return warnings;
  }

 private:
  struct State {
    State(asio::io_context& io, const Command& what, int warning)
        : command(what), process(io, in_group(what), Process::Pipe::out_then_err), warning_status(warning), silent(io) {
      silent.expires_at(asio::steady_timer::time_point::max());
    }

    Command command;
    Process process;
    int warning_status;
    std::deque<std::string> last_lines;
    bool all_said = false;
    asio::steady_timer silent;  // cancelled when its stderr has ended

    static Command in_group(Command command) {
      command.new_session = true;
      return command;
    }

    static Awaitable<void> listen(std::shared_ptr<State> self) {
      auto keep = [state = self.get()](std::string_view text) {
        state->last_lines.emplace_back(text);
        if (state->last_lines.size() > 5) state->last_lines.pop_front();
      };
      try {
        co_await for_each_line(self->process.err(), keep);
      } catch (const std::exception&) {
        // The source was dropped.
      }
      self->all_said = true;
      self->silent.cancel();
    }

    // Something that it left running in the background may keep its stderr open: not waited for.
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

  std::shared_ptr<State> state_;
};

}  // namespace

std::unique_ptr<Source> buffer_source(std::string bytes) { return std::make_unique<BufferSource>(std::move(bytes)); }

std::unique_ptr<Source> file_source(const std::string& path) { return std::make_unique<FileSource>(path); }

std::unique_ptr<Source> command_source(asio::io_context& io, const Command& command, int warning_status) {
  return std::make_unique<CommandSource>(io, command, warning_status);
}

}  // namespace ka::server
