#pragma once
/// The last chunks of a stream, in order and without a gap: what a node's sink and its successor are fed from, and what
/// the server can still send again.

#include <cstdint>
#include <deque>
#include <optional>

#include "wire/chunk.h"

namespace ka::wire {

/// Where somebody is who is fed from a ring.
struct Place {
  std::uint64_t offset = 0;
  unsigned seals = 0;  ///< so many of those that end there have gone to it
};

class Ring {
 public:
  std::uint64_t begin() const { return chunks_.empty() ? end_ : chunks_.front()->header.offset; }
  std::uint64_t end() const { return end_; }
  std::uint64_t size() const { return end_ - begin(); }
  std::size_t chunks() const { return chunks_.size(); }

  /// The chunk must begin at end().
  void push(ChunkPtr chunk);
  /// The seal of a run that ends at end().
  void push_seal(ChunkPtr seal);
  /// Drops all that lies behind `offset`, where a chunk begins; and the seal there stays.
  void truncate(std::uint64_t offset);
  /// Drops chunks that end at or before `offset`.
  void drop_before(std::uint64_t offset);
  /// The chunk that begins at `offset`; nullptr at end(). Throws ProtocolError when `offset` was dropped
  /// or lies inside a chunk. An offset behind end() is legal: it has not come yet.
  ChunkPtr find(std::uint64_t offset) const;
  /// What comes at that place, a seal or a chunk, which the place is moved past; nullptr: nothing yet. Throws as
  /// find().
  ChunkPtr next(Place& place) const;
  /// The header of the chunk in front of end(), if it is held.
  std::optional<ChunkHeader> last() const;
  /// Whether find(offset) can succeed, now or later.
  bool can_serve(std::uint64_t offset) const;

 private:
  std::deque<ChunkPtr> chunks_;
  std::deque<ChunkPtr> seals_;  ///< by the offset at which they end
  std::uint64_t end_ = 0;
};

}  // namespace ka::wire
