#include "wire/node_stream.h"

#include <algorithm>
#include <cstring>

namespace ka::wire {

namespace {

// Short chunks are rare: one at the end, and one wherever packing begins or ends.
constexpr std::size_t spare_chunks = 64;
constexpr std::size_t cipher_size = 32;

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
  if (!start.seal.empty()) {
    SealKey key;
    if (start.seal.size() != key.size()) throw ProtocolError("a stream with a seal of another kind");
    std::memcpy(key.data(), start.seal.data(), key.size());
    seals_.emplace(stream_, key, window_);
  }
  if (start.cipher.empty()) return;
  // Nobody but a seal says that an encrypted chunk is what it was.
  if (!seals_ || start.cipher.size() != cipher_size) throw ProtocolError("a stream encrypted in another way");
  cipher_ = Secret(start.cipher);
}

bool NodeStream::link(const Link& link) {
  if (link.stream != stream_ || link.epoch <= epoch_) return false;
  goes_on_ = epoch_ != 0 && upstream_.address == 0 && link.upstream.address == 0;
  epoch_ = link.epoch;
  upstream_ = link.upstream;
  return !whole();
}

// Whoever sends the stream in crumbs makes this machine hold far more than their bytes.
void NodeStream::check_length(const ChunkHeader& header) const {
  if (header.length > chunk_) throw ProtocolError("a chunk longer than the stream's");
  const std::optional<ChunkHeader> last = ring_.last();
  if (last && last->length < chunk_ && last->packed == header.packed)
    throw ProtocolError("a chunk of " + std::to_string(last->length) + " bytes in the midst of the stream");
  if (ring_.chunks() >= 2 * (window_ / chunk_) + spare_chunks)
    throw ProtocolError("more chunks than a window is made of");
}

void NodeStream::take(ChunkPtr chunk) {
  check_length(chunk->header);
  if (end_) throw ProtocolError("a chunk behind the end of the stream");
  if (chunk->header.packed && !packing_) throw ProtocolError("a packed chunk in a stream that is not packed");
  if (chunk->header.offset != ring_.end()) throw ProtocolError(out_of_place(chunk->header.offset, ring_.end()));
  if (seals_) {
    seals_->add(*chunk);
  } else {
    if (chunk_digest(chunk->header, chunk->bytes()) != chunk->header.digest)
      throw ProtocolError(damaged(chunk->header.offset));
    digest_.add(chunk->header);
  }
  ring_.push(std::move(chunk));
  make_room();
}

void NodeStream::take_seal(ChunkPtr seal) {
  if (!seals_) throw ProtocolError("a seal in a stream that has none");
  if (end_ || seal->header.offset != ring_.end())
    throw ProtocolError("a seal for another place than " + std::to_string(ring_.end()));
  if (seals_->is_known(*seal)) return;
  seals_->take(*seal, digest_);
  ring_.push_seal(std::move(seal));
  make_room();
}

void NodeStream::take_back(std::uint64_t offset) {
  if (!seals_ || end_ || offset < seals_->proved() || offset >= ring_.end())
    throw ProtocolError("it takes back what is proved, or what it has not sent");
  if (offset != seals_->proved() && !ring_.can_serve(offset)) throw ProtocolError("it takes back a part of a chunk");
  seals_->go_back(offset);
  ring_.truncate(offset);
}

std::optional<std::uint64_t> NodeStream::fall_back() {
  if (ring_.end() == proved()) return std::nullopt;
  take_back(proved());
  return ring_.end();
}

void NodeStream::take_end(const ChunkHeader& end) {
  if (end.offset != ring_.end())
    throw ProtocolError("the stream ends after " + std::to_string(ring_.end()) + " bytes where " +
                        std::to_string(end.offset) + " were due");
  if (seals_ && !seals_->is_last()) throw ProtocolError("the stream ends without its last seal");
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
          proved(),
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
