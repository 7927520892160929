#pragma once
/// The last chunks of a stream, in order and without a gap: what a node's sink and its successor are fed from, and what
/// the server can still send again.

#include <cstdint>
#include <deque>

#include "wire/chunk.h"

namespace ka::wire {

class Ring {
 public:
  std::uint64_t begin() const { return chunks_.empty() ? end_ : chunks_.front()->header.offset; }
  std::uint64_t end() const { return end_; }
  std::uint64_t size() const { return end_ - begin(); }
  std::size_t chunks() const { return chunks_.size(); }

  /// The chunk must begin at end().
  void push(ChunkPtr chunk);
  /// Drops chunks that end at or before `offset`.
  void drop_before(std::uint64_t offset);
  /// The chunk that begins at `offset`; nullptr at end(). Throws ProtocolError when `offset` was dropped
  /// or lies inside a chunk. An offset behind end() is legal: it has not come yet.
  ChunkPtr find(std::uint64_t offset) const;
  /// Whether find(offset) can succeed, now or later.
  bool can_serve(std::uint64_t offset) const;

 private:
  std::deque<ChunkPtr> chunks_;
  std::uint64_t end_ = 0;
};

}  // namespace ka::wire
