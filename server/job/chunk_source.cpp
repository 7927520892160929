#include "server/job/chunk_source.h"

#include <unistd.h>

#include "base/error.h"
#include "base/text.h"
#include "net/signal.h"

namespace ka::server {

namespace {

constexpr std::size_t piece = 256 * 1024;
constexpr unsigned highest_level = 19;

}  // namespace

void check_compression(const std::string& compression) {
  if (compression == "off" || compression == "auto") return;
  auto level = parse_unsigned(compression);
  if (!level || *level == 0 || *level > highest_level)
    throw Error("compression " + compression,
                "auto, off or a level from 1 to " + std::to_string(highest_level) + " is needed");
}

bool can_pack() {
  const char* path = std::getenv("PATH");
  for (std::string_view folder : split(path ? path : "/usr/bin:/bin", ':')) {
    if (::access((std::string(folder) + "/zstd").c_str(), X_OK) == 0) return true;
  }
  return false;
}

// The stream is a row of stretches, each plain or packed as a whole by one zstd.
struct ChunkSource::State {
  State(asio::io_context& context, std::unique_ptr<Source> source, const std::string& how, StartFilter start)
      : io(context), inner(std::move(source)), compression(how), start_packing(std::move(start)), fed(context) {}

  asio::io_context& io;
  std::unique_ptr<Source> inner;
  std::string compression;
  StartFilter start_packing;
  std::optional<Packed> already;  // what inner gives is packed
  std::uint64_t already_read = 0;
  bool wants_packing = false;    // from the next stretch on
  bool packs = false;            // the present one
  std::shared_ptr<Filter> zstd;  // of the present stretch
  bool is_fed = false;           // all of the stretch went into zstd, or went wrong
  net::Signal fed;
  bool ended = false;  // the inner source
  std::exception_ptr trouble;
  std::uint64_t unpacked = 0, packed_in = 0, packed_out = 0;

  static void start_zstd(std::shared_ptr<State> self);
  static Awaitable<void> feed(std::shared_ptr<State> self, std::shared_ptr<Filter> zstd);
  static Awaitable<std::size_t> read(std::shared_ptr<State> self, std::span<std::byte> room);
  static Awaitable<bool> next_stretch(std::shared_ptr<State> self);
};

void ChunkSource::State::start_zstd(std::shared_ptr<State> self) {
  self->packs = true;
  self->is_fed = false;
  self->zstd = self->start_packing ? self->start_packing() : own_filter(self->io, packing_command(self->compression));
  asio::co_spawn(self->io, feed(self, self->zstd), asio::detached);
}

Awaitable<void> ChunkSource::State::feed(std::shared_ptr<State> self, std::shared_ptr<Filter> zstd) {
  std::vector<std::byte> room(piece);
  try {
    co_await zstd->started();
    while (self->wants_packing) {
      std::span<std::byte> space(room);
      std::size_t size = co_await self->inner->read(space);
      self->ended = size == 0;
      if (self->ended) break;
      self->unpacked += size;
      self->packed_in += size;
      auto bytes = asio::buffer(room.data(), size);
      co_await asio::async_write(zstd->in(), bytes, asio::use_awaitable);
    }
  } catch (const std::exception&) {
    self->trouble = std::current_exception();
  }
  boost::system::error_code ignored;
  zstd->in().close(ignored);
  self->is_fed = true;
  self->fed.notify();
}

// 0: the stretch is at its end.
Awaitable<std::size_t> ChunkSource::State::read(std::shared_ptr<State> self, std::span<std::byte> room) {
  if (self->already) {
    const std::size_t size = co_await self->inner->read(room);
    self->ended = size == 0;
    self->already_read += size;
    const double share = static_cast<double>(self->already_read) / static_cast<double>(self->already->packed);
    self->unpacked = static_cast<std::uint64_t>(share * static_cast<double>(self->already->unpacked));
    co_return size;
  }
  if (!self->packs) {
    if (self->wants_packing) co_return 0;
    std::size_t size = co_await self->inner->read(room);
    self->ended = size == 0;
    self->unpacked += size;
    co_return size;
  }
  auto zstd = self->zstd;
  co_await zstd->started();
  auto buffer = asio::buffer(room.data(), room.size());
  auto [error, size] = co_await zstd->out().async_read_some(buffer, asio::as_tuple(asio::use_awaitable));
  if (error == asio::error::eof) co_return 0;
  if (error) throw Error("read what zstd writes", error.message());
  self->packed_out += size;
  co_return size;
}

// False: there is none. A zstd that failed is the reason for a source that could not be fed to it, not the other way
// round; one that was fed a broken source ends well.
Awaitable<bool> ChunkSource::State::next_stretch(std::shared_ptr<State> self) {
  if (auto zstd = self->zstd) {
    while (!self->is_fed) co_await self->fed.wait();
    co_await zstd->wait_for_success();
    if (self->trouble) std::rethrow_exception(self->trouble);
    self->zstd.reset();
  }
  self->packs = false;
  if (self->ended) co_return false;
  if (self->wants_packing) start_zstd(self);
  co_return true;
}

ChunkSource::ChunkSource(asio::io_context& io, std::unique_ptr<Source> source, const std::string& compression,
                         wire::Time now, StartFilter start_packing)
    : state_(std::make_shared<State>(io, std::move(source), compression, std::move(start_packing))) {
  if (compression == "auto") choice_.emplace(now);
  state_->wants_packing = !choice_ && compression != "off";
}

ChunkSource::ChunkSource(asio::io_context& io, std::unique_ptr<Source> source, Packed sizes)
    : state_(std::make_shared<State>(io, std::move(source), "off", StartFilter())) {
  state_->already = sizes;
  state_->packs = true;
}

ChunkSource::~ChunkSource() {
  if (state_->zstd) state_->zstd->stop();
  state_->inner.reset();
}

Awaitable<bool> ChunkSource::fill(wire::Chunk& chunk) {
  auto state = state_;
  std::uint32_t size = 0;
  bool more = true;
  while (more && size < wire::longest_chunk) {
    chunk.header.packed = state->packs;
    std::span<std::byte> rest(chunk.room.get() + size, wire::longest_chunk - size);
    std::size_t got = co_await State::read(state, rest);
    size += static_cast<std::uint32_t>(got);
    if (got != 0) continue;
    more = co_await State::next_stretch(state);
    if (size != 0 && state->packs != chunk.header.packed) break;
  }
  chunk.header.length = size;
  co_return more;
}

Awaitable<std::vector<std::string>> ChunkSource::finish() {
  auto state = state_;
  co_return co_await state->inner->finish();
}

std::uint64_t ChunkSource::read_ahead(std::uint64_t window) const {
  if (choice_) return choice_->read_ahead(window);
  return state_->wants_packing ? window / 2 : window;
}

void ChunkSource::look(wire::Time now, std::uint64_t stream_end, std::uint64_t floor, wire::Time waited) {
  marks_.push_back({stream_end, state_->unpacked});
  for (; !marks_.empty() && marks_.front().stream <= floor; marks_.pop_front()) through_ = marks_.front().unpacked;
  if (!choice_) return;
  choice_->look(now, state_->unpacked, through_, waited);
  state_->wants_packing = choice_->packs();
}

bool ChunkSource::packs() const { return state_->packs && !state_->already; }
std::uint64_t ChunkSource::unpacked() const { return state_->unpacked; }
std::uint64_t ChunkSource::packed_in() const { return state_->packed_in; }
std::uint64_t ChunkSource::packed_out() const { return state_->packed_out; }

}  // namespace ka::server
