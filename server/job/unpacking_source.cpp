#include "base/error.h"
#include "net/signal.h"
#include "server/job/source.h"

namespace ka::server {

namespace {

constexpr std::size_t piece = 256 * 1024;

class UnpackingSource final : public Source {
 public:
  UnpackingSource(asio::io_context& io, std::unique_ptr<Source> packed, std::shared_ptr<Filter> zstd)
      : state_(std::make_shared<State>(io, std::move(packed), std::move(zstd))) {
    asio::co_spawn(io, feed(state_), asio::detached);
  }
  ~UnpackingSource() override {
    state_->zstd->stop();
    state_->packed.reset();
  }

  Awaitable<std::size_t> read(std::span<std::byte> room) override {
    auto state = state_;
    co_await state->zstd->started();
    auto buffer = asio::buffer(room.data(), room.size());
    auto [error, size] = co_await state->zstd->out().async_read_some(buffer, asio::as_tuple(asio::use_awaitable));
    if (error == asio::error::eof) co_return 0;
    if (error) throw Error("read what zstd unpacks", error.message());
    co_return size;
  }

  Awaitable<UniqueFd> hand_over() override { co_return UniqueFd(state_->zstd->out().release()); }

  Awaitable<std::vector<std::string>> finish() override {
    auto state = state_;
    while (!state->is_fed) co_await state->fed.wait();
    if (state->trouble) std::rethrow_exception(state->trouble);
    // What is damaged is that before it is anything that zstd says of it.
    std::vector<std::string> warnings = co_await state->packed->finish();
    co_await state->zstd->wait_for_success();
    co_return warnings;
  }

 private:
  struct State {
    State(asio::io_context& io, std::unique_ptr<Source> source, std::shared_ptr<Filter> filter)
        : packed(std::move(source)), zstd(std::move(filter)), fed(io) {}

    std::unique_ptr<Source> packed;
    std::shared_ptr<Filter> zstd;
    net::Signal fed;
    bool is_fed = false;
    std::exception_ptr trouble;
  };

  // All of it is read, so that its source can say whether it was right, also if zstd takes no more.
  static Awaitable<void> feed(std::shared_ptr<State> state) {
    std::vector<std::byte> room(piece);
    std::span<std::byte> space(room);
    try {
      bool takes = true;
      co_await state->zstd->started();
      while (state->packed) {
        const std::size_t size = co_await state->packed->read(space);
        if (size == 0) break;
        if (!takes) continue;
        auto bytes = asio::buffer(room.data(), size);
        auto [refused, written] =
            co_await asio::async_write(state->zstd->in(), bytes, asio::as_tuple(asio::use_awaitable));
        (void)written;
        takes = !refused;
      }
    } catch (const std::exception&) {
      state->trouble = std::current_exception();
    }
    boost::system::error_code ignored;
    state->zstd->in().close(ignored);
    state->is_fed = true;
    state->fed.notify();
  }

  std::shared_ptr<State> state_;
};

}  // namespace

std::unique_ptr<Source> unpacking_source(asio::io_context& io, std::unique_ptr<Source> packed,
                                         const StartFilter& start) {
  return std::make_unique<UnpackingSource>(io, std::move(packed),
                                           start ? start() : own_filter(io, unpacking_command()));
}

}  // namespace ka::server
