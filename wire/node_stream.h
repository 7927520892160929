#pragma once
/// One stream as a node sees it: what it holds, what its sink has, where the next bytes come from. No I/O: whoever has
/// the sockets asks it what to do and tells it what happened.

#include <chrono>
#include <cstdint>
#include <optional>

#include "wire/chunk.h"
#include "wire/messages.h"
#include "wire/ring.h"
#include "wire/sealing.h"

namespace ka::wire {

class NodeStream {
 public:
  /// `start` as the server sent it; `ring` as this node's Hello offered it. Throws ProtocolError when its figures make
  /// no sense, or ask for more than was offered.
  NodeStream(const Start& start, std::uint64_t ring);

  std::uint64_t stream() const { return stream_; }
  /// Whether some of its chunks may be packed.
  bool packing() const { return packing_; }

  /// Takes a Link. True if it is news: leave the present upstream, connect to upstream(), say hop_open().
  bool link(const Link& link);
  std::uint32_t epoch() const { return epoch_; }
  Endpoint upstream() const { return upstream_; }
  /// Only after fall_back(), unless goes_on().
  HopOpen hop_open() const { return {stream_, epoch_, ring_.end()}; }

  /// Whether one more chunk may be read. False: the sink is behind by all that may be held for it.
  bool room() const { return ring_.end() - sunk_ + chunk_ <= window_; }
  /// The next chunk. Throws ProtocolError, and has not changed, when its bytes or its place are wrong.
  void take(ChunkPtr chunk);
  /// The seal of what came since the last one. Throws ProtocolError, and has not changed, when it does not prove that.
  void take_seal(ChunkPtr seal);
  /// The upstream takes back what it sent since `offset`, and so must this node, from its successors. Throws
  /// ProtocolError, and has not changed, when that is proved already, or none of it came.
  void take_back(std::uint64_t offset);
  /// Whether the server itself is the upstream, as it was before: it takes nothing back, so what is not proved yet may
  /// stay, and a line that damages much still brings chunk after chunk.
  bool goes_on() const { return goes_on_; }
  /// Gives up what is not proved, since another upstream may have something else. From where on, if there was any: its
  /// successors must hear of it.
  std::optional<std::uint64_t> fall_back();
  /// The end mark. Throws ProtocolError when the stream is short, or its digest is not the one found here.
  void take_end(const ChunkHeader& end);
  /// All was received and found right.
  bool whole() const { return end_.has_value(); }
  const std::optional<ChunkHeader>& end_mark() const { return end_; }

  /// What a successor is sent from.
  const Ring& ring() const { return ring_; }

  /// The next chunk for the sink; nullptr: none yet, or none any more.
  ChunkPtr for_sink() const { return sunk_ < proved() ? ring_.find(sunk_) : nullptr; }
  /// The key that the chunks' bytes are encrypted with; empty: they are plain.
  const Secret& cipher() const { return cipher_; }
  /// The sink took that chunk; it was at work for `busy`.
  void sunk(const Chunk& chunk, std::chrono::microseconds busy);
  /// So long, in all, something was under way to the next member.
  void relayed(std::chrono::microseconds busy) { relay_busy_ = busy; }
  bool all_sunk() const { return whole() && sunk_ == ring_.end(); }

  Position position() const;

 private:
  std::uint64_t proved() const { return seals_ ? seals_->proved() : ring_.end(); }
  void make_room();
  void check_length(const ChunkHeader& header) const;

  std::uint64_t stream_;
  std::uint64_t window_;
  std::uint32_t chunk_;
  bool packing_;
  std::uint32_t epoch_ = 0;
  Endpoint upstream_;
  bool goes_on_ = false;
  Secret cipher_;
  Ring ring_;
  StreamDigest digest_;  ///< of what is proved
  std::optional<SealCheck> seals_;
  std::optional<ChunkHeader> end_;
  std::uint64_t sunk_ = 0;
  std::chrono::microseconds sink_busy_{0}, relay_busy_{0};
};

}  // namespace ka::wire
