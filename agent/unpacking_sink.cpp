#include "agent/unpacking_sink.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <vector>

#include "base/error.h"
#include "base/text.h"

namespace ka::agent {

namespace {

constexpr std::size_t piece = 256 * 1024;

Command zstd_command(const std::string& root) {
  Command command({"zstd", "-q", "-d", "-c"});
  command.root = root;
  command.new_session = true;
  return command;
}

}  // namespace

bool can_unpack(const std::string& root) {
  const char* path = root.empty() ? std::getenv("PATH") : nullptr;
  for (std::string_view folder : split(path ? path : "/usr/local/bin:/usr/bin:/bin", ':')) {
    if (::access((root + std::string(folder) + "/zstd").c_str(), X_OK) == 0) return true;
  }
  return false;
}

struct UnpackingSink::State {
  State(asio::io_context& io, Sink& sink, const std::string& root)
      : inner(&sink), zstd(io, zstd_command(root), Process::Pipe::in_and_out), drained(io) {
    drained.expires_at(asio::steady_timer::time_point::max());
  }

  Sink* inner;  // nullptr once it must not be touched any more
  Process zstd;
  asio::steady_timer drained;  // cancelled when zstd's output has ended, or the inner sink failed
  bool is_drained = false;
  bool writing = false;        // to the inner sink
  std::exception_ptr trouble;

  static Awaitable<void> drain(std::shared_ptr<State> self) {
    std::vector<std::byte> room(piece);
    try {
      for (;;) {
        auto buffer = asio::buffer(room);
        auto [error, size] = co_await self->zstd.out().async_read_some(buffer, asio::as_tuple(asio::use_awaitable));
        if (error == asio::error::eof || self->inner == nullptr) break;
        if (error) throw Error("read what zstd unpacks", error.message());
        std::span<const std::byte> bytes(room.data(), size);
        co_await self->inner->write(bytes);
      }
    } catch (const std::exception&) {
      self->trouble = std::current_exception();
      // zstd must not wait for ever for somebody to read on.
      boost::system::error_code ignored;
      self->zstd.out().close(ignored);
    }
    self->is_drained = true;
    self->drained.cancel();
  }

  Awaitable<void> until_drained() {
    while (!is_drained) co_await drained.async_wait(asio::as_tuple(asio::use_awaitable));
  }
};

UnpackingSink::UnpackingSink(asio::io_context& io, Sink& inner, const std::string& root)
    : state_(std::make_shared<State>(io, inner, root)) {
  ::fcntl(state_->zstd.in().native_handle(), F_SETPIPE_SZ, 1 << 20);
  ::fcntl(state_->zstd.out().native_handle(), F_SETPIPE_SZ, 1 << 20);
  asio::co_spawn(io, State::drain(state_), asio::detached);
}

UnpackingSink::~UnpackingSink() { abort(); }

Awaitable<void> UnpackingSink::write(std::span<const std::byte> bytes) {
  auto state = state_;
  auto buffer = asio::buffer(bytes.data(), bytes.size());
  auto [error, size] = co_await asio::async_write(state->zstd.in(), buffer, asio::as_tuple(asio::use_awaitable));
  (void)size;
  if (state->trouble) std::rethrow_exception(state->trouble);
  if (!error) co_return;
  ExitStatus status = co_await state->zstd.wait();
  co_await state->until_drained();
  if (state->trouble) std::rethrow_exception(state->trouble);
  throw Error("unpack the stream", "zstd ended with " + status.text());
}

Awaitable<void> UnpackingSink::close() {
  auto state = state_;
  state->zstd.in().close();
  co_await state->until_drained();
  ExitStatus status = co_await state->zstd.wait();
  if (state->trouble) std::rethrow_exception(state->trouble);
  if (!status.ok()) throw Error("unpack the stream", "zstd ended with " + status.text());
  Sink* inner = state->inner;
  if (inner == nullptr) throw Error("unpack the stream", "it was given up");
  co_await inner->close();
  state->inner = nullptr;
}

void UnpackingSink::abort() noexcept {
  Sink* inner = state_->inner;
  state_->inner = nullptr;
  if (inner == nullptr) return;
  try {
    state_->zstd.kill(SIGKILL);
    boost::system::error_code ignored;
    state_->zstd.in().close(ignored);
    state_->zstd.out().close(ignored);
  } catch (const std::exception&) {
    // It has ended already.
  }
  inner->abort();
}

}  // namespace ka::agent
