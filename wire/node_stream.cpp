#include "wire/node_stream.h"

#include <algorithm>

namespace ka::wire {

namespace {

// Short chunks are rare: one at the end, and one wherever packing begins or ends.
constexpr std::size_t spare_chunks = 64;

}  // namespace

NodeStream::NodeStream(const Start& start, std::uint64_t ring)
    : stream_(start.stream), window_(start.window), chunk_(start.chunk), packing_(start.packing == zstd_packing) {
  if (!packing_ && !start.packing.empty()) throw ProtocolError("a stream packed by " + start.packing);
  if (chunk_ == 0 || chunk_ > longest_chunk || window_ < least_chunks_in_window * chunk_)
    throw ProtocolError("a stream in chunks of " + std::to_string(chunk_) + " bytes with a window of " +
                        std::to_string(window_));
  if (window_ > ring)
    throw ProtocolError("the server wants " + std::to_string(window_) + " bytes held, where this node offered " +
                        std::to_string(ring));
}

bool NodeStream::link(const Link& link) {
  if (link.stream != stream_ || link.epoch <= epoch_) return false;
  epoch_ = link.epoch;
  upstream_ = link.upstream;
  return !whole();
}

// Whoever sends the stream in crumbs makes this machine hold far more than their bytes.
void NodeStream::check_length(const ChunkHeader& header) const {
  if (header.length > chunk_) throw ProtocolError("a chunk longer than the stream's");
  if (last_ && last_->length < chunk_ && last_->packed == header.packed)
    throw ProtocolError("a chunk of " + std::to_string(last_->length) + " bytes in the midst of the stream");
  if (ring_.chunks() >= 2 * (window_ / chunk_) + spare_chunks)
    throw ProtocolError("more chunks than a window is made of");
}

void NodeStream::take(ChunkPtr chunk) {
  check_length(chunk->header);
  if (end_) throw ProtocolError("a chunk behind the end of the stream");
  if (chunk->header.packed && !packing_) throw ProtocolError("a packed chunk in a stream that is not packed");
  if (chunk_digest(chunk->header, chunk->bytes()) != chunk->header.digest)
    throw ProtocolError("the chunk at " + std::to_string(chunk->header.offset) + " was damaged on its way");
  const ChunkHeader header = chunk->header;
  ring_.push(std::move(chunk));
  digest_.add(header);
  last_ = header;
  make_room();
}

void NodeStream::take_end(const ChunkHeader& end) {
  if (end.offset != ring_.end())
    throw ProtocolError("the stream ends after " + std::to_string(ring_.end()) + " bytes where " +
                        std::to_string(end.offset) + " were due");
  if (end.digest != digest_.value()) throw ProtocolError("the digest of the whole stream is wrong");
  end_ = end;
}

void NodeStream::sunk(const Chunk& chunk, std::chrono::microseconds busy) {
  sunk_ = chunk.end();
  sink_busy_ += busy;
  make_room();
}

Position NodeStream::position() const {
  return {stream_,
          ring_.end(),
          sunk_,
          static_cast<std::uint64_t>(sink_busy_.count()),
          static_cast<std::uint64_t>(relay_busy_.count()),
          whole()};
}

// The server reads no further than `window` past the slowest live member, so what is older than that nobody alive
// can still ask for.
void NodeStream::make_room() {
  std::uint64_t keep_from = ring_.end() > window_ ? ring_.end() - window_ : 0;
  ring_.drop_before(std::min(keep_from, sunk_));
}

}  // namespace ka::wire
