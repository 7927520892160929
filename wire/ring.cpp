#include "wire/ring.h"

#include <algorithm>

namespace ka::wire {

void Ring::push(ChunkPtr chunk) {
  if (chunk->header.offset != end_)
    throw ProtocolError("a chunk at " + std::to_string(chunk->header.offset) + " where one at " + std::to_string(end_) +
                        " was due");
  end_ = chunk->end();
  chunks_.push_back(std::move(chunk));
}

void Ring::drop_before(std::uint64_t offset) {
  while (!chunks_.empty() && chunks_.front()->end() <= offset) chunks_.pop_front();
}

ChunkPtr Ring::find(std::uint64_t offset) const {
  if (offset >= end_) return nullptr;
  auto starts_before = [](const ChunkPtr& chunk, std::uint64_t at) { return chunk->header.offset < at; };
  auto found = std::lower_bound(chunks_.begin(), chunks_.end(), offset, starts_before);
  if (found == chunks_.end() || (*found)->header.offset != offset)
    throw ProtocolError("bytes from " + std::to_string(offset) + " on are not held here (any more)");
  return *found;
}

bool Ring::can_serve(std::uint64_t offset) const {
  if (offset >= end_) return true;
  auto starts_before = [](const ChunkPtr& chunk, std::uint64_t at) { return chunk->header.offset < at; };
  auto found = std::lower_bound(chunks_.begin(), chunks_.end(), offset, starts_before);
  return found != chunks_.end() && (*found)->header.offset == offset;
}

}  // namespace ka::wire
