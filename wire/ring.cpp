#include "wire/ring.h"

#include <algorithm>

namespace ka::wire {

void Ring::push(ChunkPtr chunk) {
  if (chunk->header.offset != end_) throw ProtocolError(out_of_place(chunk->header.offset, end_));
  end_ = chunk->end();
  chunks_.push_back(std::move(chunk));
}

void Ring::push_seal(ChunkPtr seal) {
  if (seal->header.offset != end_) throw ProtocolError("a seal in another place than at the end of its run");
  seals_.push_back(std::move(seal));
}

void Ring::truncate(std::uint64_t offset) {
  while (!chunks_.empty() && chunks_.back()->header.offset >= offset) chunks_.pop_back();
  while (!seals_.empty() && seals_.back()->header.offset > offset) seals_.pop_back();
  end_ = offset;
}

void Ring::drop_before(std::uint64_t offset) {
  while (!chunks_.empty() && chunks_.front()->end() <= offset) chunks_.pop_front();
  while (!seals_.empty() && seals_.front()->header.offset < begin()) seals_.pop_front();
}

// Two seals may end in one place: a stream that stood still is sealed before its last seal can come.
ChunkPtr Ring::next(Place& place) const {
  auto ends_before = [](const ChunkPtr& seal, std::uint64_t at) { return seal->header.offset < at; };
  const auto first = std::lower_bound(seals_.begin(), seals_.end(), place.offset, ends_before);
  if (static_cast<std::size_t>(seals_.end() - first) > place.seals) {
    const ChunkPtr& seal = *(first + place.seals);
    if (seal->header.offset == place.offset) {
      ++place.seals;
      return seal;
    }
  }
  ChunkPtr chunk = find(place.offset);
  if (chunk) place = {chunk->end(), 0};
  return chunk;
}

std::optional<ChunkHeader> Ring::last() const {
  if (chunks_.empty()) return std::nullopt;
  return chunks_.back()->header;
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
