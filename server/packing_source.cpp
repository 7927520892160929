#include "server/packing_source.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"

namespace ka::server {

namespace {

constexpr std::size_t piece = 256 * 1024;
constexpr unsigned highest_level = 19;

// With --adapt zstd raises its level while its output is not taken as fast as it comes, and lowers it otherwise. Long
// matches need memory on the other side, so the window stays at what every decoder allows.
Command zstd_command(const std::string& compression) {
  Command command({"zstd", "-q", "-c", "-T0"});
  command.argv.push_back(compression == "auto" ? "--adapt=min=1,max=12" : "-" + compression);
  command.new_session = true;
  return command;
}

}  // namespace

void check_compression(const std::string& compression) {
  if (compression == "off" || compression == "auto") return;
  auto level = parse_unsigned(compression);
  if (!level || *level == 0 || *level > highest_level)
    throw Error("compression " + compression, "auto, off or a level from 1 to " + std::to_string(highest_level) + " is needed");
}

bool can_pack() {
  const char* path = std::getenv("PATH");
  for (std::string_view folder : split(path ? path : "/usr/bin:/bin", ':')) {
    if (::access((std::string(folder) + "/zstd").c_str(), X_OK) == 0) return true;
  }
  return false;
}

struct PackingSource::State {
  State(asio::io_context& io, std::unique_ptr<Source> source, const std::string& compression)
      : inner(std::move(source)), zstd(io, zstd_command(compression), Process::Pipe::in_and_out), fed(io) {
    fed.expires_at(asio::steady_timer::time_point::max());
  }

  std::unique_ptr<Source> inner;
  Process zstd;
  asio::steady_timer fed;  // cancelled when all of the inner source went into zstd, or went wrong
  bool is_fed = false;
  std::exception_ptr trouble;
  std::uint64_t unpacked = 0;

  static Awaitable<void> feed(std::shared_ptr<State> self) {
    std::vector<std::byte> room(piece);
    try {
      for (;;) {
        std::span<std::byte> space(room);
        std::size_t size = co_await self->inner->read(space);
        if (size == 0) break;
        self->unpacked += size;
        auto bytes = asio::buffer(room.data(), size);
        co_await asio::async_write(self->zstd.in(), bytes, asio::use_awaitable);
      }
    } catch (const std::exception&) {
      self->trouble = std::current_exception();
    }
    boost::system::error_code ignored;
    self->zstd.in().close(ignored);
    self->is_fed = true;
    self->fed.cancel();
  }
};

PackingSource::PackingSource(asio::io_context& io, std::unique_ptr<Source> inner, const std::string& compression)
    : state_(std::make_shared<State>(io, std::move(inner), compression)) {
  ::fcntl(state_->zstd.out().native_handle(), F_SETPIPE_SZ, 1 << 20);
  ::fcntl(state_->zstd.in().native_handle(), F_SETPIPE_SZ, 1 << 20);
  asio::co_spawn(io, State::feed(state_), asio::detached);
}

PackingSource::~PackingSource() {
  try {
    state_->zstd.kill(SIGKILL);
    boost::system::error_code ignored;
    state_->zstd.out().close(ignored);
    state_->zstd.in().close(ignored);
    state_->inner.reset();
  } catch (const std::exception&) {
    // It has ended already.
  }
}

Awaitable<std::size_t> PackingSource::read(std::span<std::byte> room) {
  auto state = state_;
  auto buffer = asio::buffer(room.data(), room.size());
  auto [error, size] = co_await state->zstd.out().async_read_some(buffer, asio::as_tuple(asio::use_awaitable));
  if (error == asio::error::eof) co_return 0;
  if (error) throw Error("read what zstd writes", error.message());
  co_return size;
}

// The inner source's word comes first: a zstd that was fed a broken stream ends well.
Awaitable<std::vector<std::string>> PackingSource::finish() {
  auto state = state_;
  while (!state->is_fed) co_await state->fed.async_wait(asio::as_tuple(asio::use_awaitable));
  ExitStatus status = co_await state->zstd.wait();
  if (state->trouble && status.ok()) std::rethrow_exception(state->trouble);
  if (!status.ok()) throw Error("pack the stream", "zstd ended with " + status.text());
  co_return co_await state->inner->finish();
}

std::uint64_t PackingSource::unpacked() const { return state_->unpacked; }

}  // namespace ka::server
