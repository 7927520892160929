#include "agent/link/unpacking_sink.h"

#include <unistd.h>

#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "net/signal.h"

namespace ka::agent {

namespace {

constexpr std::size_t piece = 256 * 1024;

}  // namespace

bool can_unpack(const std::string& root) {
  const char* path = root.empty() ? std::getenv("PATH") : nullptr;
  for (std::string_view folder : split(path ? path : "/usr/local/bin:/usr/bin:/bin", ':')) {
    if (::access((root + std::string(folder) + "/zstd").c_str(), X_OK) == 0) return true;
  }
  return false;
}

struct UnpackingSink::State {
  State(asio::io_context& context, Sink& sink, const std::string& chroot)
      : io(context), root(chroot), inner(&sink), drained(context) {}

  asio::io_context& io;
  std::string root;
  Sink* inner;                         // nullptr once it must not be touched any more
  std::shared_ptr<PipedProcess> zstd;  // while packed bytes come
  bool is_drained = false;             // all that it unpacked went on, or the inner sink failed
  net::Signal drained;
  std::exception_ptr trouble;
  std::uint64_t passed_on = 0;

  static void start(std::shared_ptr<State> self);
  static Awaitable<void> drain(std::shared_ptr<State> self, std::shared_ptr<PipedProcess> zstd);
  static Awaitable<void> end_zstd(std::shared_ptr<State> self);

  // After a wait: the sink may have been given up meanwhile.
  void check() const {
    if (trouble) std::rethrow_exception(trouble);
    if (inner == nullptr) throw Error("unpack the stream", "it was given up");
  }
};

void UnpackingSink::State::start(std::shared_ptr<State> self) {
  Command command({"zstd", "-q", "-d", "-c"});
  command.root = self->root;
  self->zstd = PipedProcess::start(self->io, command, Process::in_pipe | Process::out_pipe);
  self->is_drained = false;
  asio::co_spawn(self->io, drain(self, self->zstd), asio::detached);
}

Awaitable<void> UnpackingSink::State::drain(std::shared_ptr<State> self, std::shared_ptr<PipedProcess> zstd) {
  std::vector<std::byte> room(piece);
  try {
    for (;;) {
      auto buffer = asio::buffer(room);
      auto [error, size] = co_await zstd->out().async_read_some(buffer, asio::as_tuple(asio::use_awaitable));
      if (error == asio::error::eof || self->inner == nullptr) break;
      if (error) throw Error("read what zstd unpacks", error.message());
      std::span<const std::byte> bytes(room.data(), size);
      co_await self->inner->write(bytes);
      self->passed_on += size;
    }
  } catch (const std::exception&) {
    self->trouble = std::current_exception();
    zstd->stop();  // it must not wait for ever for somebody to read on
  }
  self->is_drained = true;
  self->drained.notify();
}

// Everything packed so far has gone on when this returns.
Awaitable<void> UnpackingSink::State::end_zstd(std::shared_ptr<State> self) {
  if (auto zstd = self->zstd) {
    zstd->in().close();
    while (!self->is_drained) co_await self->drained.wait();
    self->check();
    co_await zstd->wait_for_success();
    self->zstd.reset();
  }
  self->check();
}

UnpackingSink::UnpackingSink(asio::io_context& io, Sink& inner, const std::string& root)
    : state_(std::make_shared<State>(io, inner, root)) {}

UnpackingSink::~UnpackingSink() { abort(); }

Awaitable<void> UnpackingSink::write_packed(std::span<const std::byte> bytes) {
  auto state = state_;
  if (!state->zstd) State::start(state);
  auto zstd = state->zstd;
  auto buffer = asio::buffer(bytes.data(), bytes.size());
  auto [error, size] = co_await asio::async_write(zstd->in(), buffer, asio::as_tuple(asio::use_awaitable));
  (void)size;
  state->check();
  if (!error) co_return;
  co_await State::end_zstd(state);
  throw Error("unpack the stream", "zstd ended before the stream did");
}

Awaitable<void> UnpackingSink::write(std::span<const std::byte> bytes) {
  auto state = state_;
  co_await State::end_zstd(state);
  co_await state->inner->write(bytes);
  state->passed_on += bytes.size();
}

Awaitable<void> UnpackingSink::close() {
  auto state = state_;
  co_await State::end_zstd(state);
  co_await state->inner->close();
  state->inner = nullptr;
}

std::uint64_t UnpackingSink::passed_on() const { return state_->passed_on; }

void UnpackingSink::abort() noexcept {
  Sink* inner = std::exchange(state_->inner, nullptr);
  if (inner == nullptr) return;
  if (state_->zstd) state_->zstd->stop();
  inner->abort();
}

}  // namespace ka::agent
