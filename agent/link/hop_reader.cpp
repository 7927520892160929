#include "agent/link/hop_reader.h"

#include <algorithm>

namespace ka::agent {

// Linux before 4.18 does not make room for what is waited for; a chunk that does not fit would never wake anybody.
HopReader::HopReader(asio::ip::tcp::socket& socket) : socket_(socket) {
  wait_for(wire::longest_chunk);
  asio::socket_base::receive_buffer_size room;
  boost::system::error_code error;
  socket_.get_option(room, error);
  can_wait_ = !error && static_cast<std::uint32_t>(room.value()) >= 2 * wire::longest_chunk;
}

// Never more than what must come: it may be all there is for a long time.
void HopReader::wait_for(std::size_t size) {
  if (!can_wait_) size = 1;
  if (size == awaited_) return;
  awaited_ = size;
  boost::system::error_code ignored;
  socket_.set_option(asio::socket_base::receive_low_watermark(static_cast<int>(size)), ignored);
}

Awaitable<wire::ChunkHeader> HopReader::header() {
  while (have_ < header_.size()) {
    wait_for(header_.size() - have_);
    auto rest = asio::buffer(header_) + have_;
    have_ += co_await socket_.async_read_some(rest, asio::use_awaitable);
  }
  have_ = 0;
  co_return wire::parse_chunk_header({header_.data(), header_.size()});
}

Awaitable<void> HopReader::bytes(std::span<std::byte> room) {
  for (std::size_t got = 0; got < room.size();) {
    wait_for(room.size() - got);
    // The next header often lies behind the chunk already.
    auto rest = asio::buffer(room.data() + got, room.size() - got);
    std::array<asio::mutable_buffer, 2> places{rest, asio::buffer(header_)};
    got += co_await socket_.async_read_some(places, asio::use_awaitable);
    if (got > room.size()) have_ = got - room.size();
  }
}

}  // namespace ka::agent
