#pragma once
/// One stream as the server sees it: who is in the chain and in which order, how far each member is, and what the
/// source may still be read for. No I/O.
///
/// The one rule that makes every failure harmless: the source is read at most `window` bytes past the live member
/// that has received least, the server keeps all of that, and so does every member as far as it has received. So
/// whoever loses its upstream finds its next byte at any other member in front of it, or at the server.
///
/// Slow members: one whose sink or inbound link holds up those behind it is moved to the end of the chain, where it
/// holds up nobody until the window is full. If then the source has to wait for it, and at least half of the others
/// could go more than twice as fast, it is put out. When all are slow alike, nobody is.
///
/// Bad senders: a member that gets nothing usable from its upstream says so, and after some tries the upstream goes to
/// the end of the chain, where it need not serve anyone; one of which a second member says so is put out. But who is to
/// blame is the word of one side, so each member may accuse once: the next time it is itself moved, next to the server,
/// and put out if it cannot get its data there either. So no member can bring down others by what it says, and none is
/// put out for what others sent it.

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "wire/chunk.h"
#include "wire/messages.h"
#include "wire/pace.h"
#include "wire/ring.h"
#include "wire/sealing.h"

namespace ka::wire {

/// The server's number for a control connection.
using NodeId = std::uint32_t;

struct ChainMember {
  NodeId id = 0;
  Endpoint at;  ///< where it serves the next one
};

/// What holds a stream up: its source, the line into a member, or a member's sink.
struct Limit {
  enum class Kind { source, line, sink };

  Kind kind = Kind::source;
  NodeId node = 0;
};

/// What a Chain decides.
class ChainOutput {
 public:
  virtual ~ChainOutput() = default;
  virtual void link(NodeId node, const Link& link) = 0;
  /// The member is no longer in the chain; tell it and the operator.
  virtual void put_out(NodeId node, const std::string& reason) = 0;
};

class Chain {
 public:
  /// `members` in the order of the chain, `server_port` where the first of them gets its data; `keys` of a sealed
  /// stream.
  Chain(std::uint64_t stream, std::uint64_t window, std::uint32_t chunk, std::uint16_t server_port,
        std::vector<ChainMember> members, std::optional<StreamKeys> keys, ChainOutput& output, Time now);

  // The source.
  /// Whether the source may be read for one more chunk.
  bool may_read() const;
  /// From now on the source is not read further than this past what the first member has: it shall feel the line's pace
  /// and not fill the window at its own.
  void limit_ahead(std::uint64_t bytes) { ahead_ = bytes; }
  /// The next piece of the source; of its header, only length and packed are set.
  void add(std::shared_ptr<Chunk> chunk);
  /// The source ended, and ended well.
  void end();
  const Ring& ring() const { return ring_; }
  const std::optional<ChunkHeader>& end_mark() const { return end_; }

  // The members. Ids that are not in the chain (any more) are ignored.
  void position(NodeId node, const Position& position, Time now);
  void upstream_lost(NodeId node, const UpstreamLost& lost, Time now);
  /// The member is gone; whoever came behind it gets a new upstream.
  void remove(NodeId node, Time now);
  void tick(Time now);
  /// So long before now the server itself did not run: nobody was slow in that time.
  void forgive(Time missed);

  std::uint64_t stream() const { return stream_; }
  std::uint32_t chunk() const { return chunk_; }
  std::uint64_t window() const { return window_; }
  bool empty() const { return members_.empty(); }
  bool all_received() const;
  /// 1 for the member next to the server; 0: not in the chain.
  unsigned order_of(NodeId node) const;
  /// Grows whenever the order changes.
  unsigned order_changes() const { return order_changes_; }
  /// The members, the one next to the server first.
  std::vector<NodeId> order() const;
  /// Nobody alive needs a byte in front of this one.
  std::uint64_t floor() const { return floor_; }
  /// Lately; for the operator.
  Limit limit() const;

 private:
  struct Member {
    ChainMember self;
    std::uint32_t epoch = 0;
    Position at{};
    std::optional<Time> relink_at;  ///< try the same upstream again then
    std::uint32_t lost_epoch = 0;   ///< the last one in which the upstream was lost
    std::uint64_t lost_at = 0;      ///< bytes that it had then
    bool bad_sender = false;        ///< somebody could get no data from it: it belongs to the end of the chain
    bool gave_one_up = false;       ///< an upstream; a second one is not blamed
    unsigned losses = 0;            ///< in a row, without a byte in between
    Pace pace;
    std::optional<Time> holds_up_since;  ///< those behind it
    std::optional<Time> moved_at;        ///< to the end of the chain, for holding up others
    Time waited_for{0};                  ///< the source waited for it, lately
    std::set<NodeId> slow_receivers;     ///< those that were slow to receive from it
  };
  using Members = std::vector<Member>;

  Members::iterator find(NodeId node);
  bool received_all(const Member& member) const { return end_ && member.at.whole; }
  NodeId upstream_of(Members::const_iterator member) const;
  void link(Members::iterator member);
  void find_floor();
  void seal(bool last);
  /// Bytes that a member may have and not have told of, as their seal has not come.
  std::uint64_t run_limit() const;
  void move_to_tail(Members::iterator member);
  void move_to_head(Members::iterator member);
  void give_up_upstream(Members::iterator member, const std::string& why, Time now);

  // Slow members (chain_slow.cpp).
  void watch_pace(Time now);
  std::uint64_t available_to(Members::const_iterator member) const;
  bool sink_is_full(const Member& member) const;
  bool inbound_is_behind(Members::const_iterator member) const;
  bool is_starving(Members::const_iterator member) const;
  void move_aside_who_holds_up(Time now);
  void put_out_whom_the_source_waits_for(Time now, Time since_last);
  bool others_are_faster(const Member& slow) const;
  bool source_waits() const { return !end_ && ring_.end() + chunk_ > floor_ + window_; }
  bool is_at_floor(const Member& member) const { return member.at.received < floor_ + window_ / 8; }

  std::uint64_t stream_;
  std::uint64_t window_;
  std::uint64_t ahead_;
  std::uint32_t chunk_;
  std::uint16_t server_port_;
  ChainOutput& output_;
  Members members_;
  std::uint32_t epoch_ = 0;
  unsigned order_changes_ = 0;
  Ring ring_;
  StreamDigest digest_;
  std::optional<Sealer> sealer_;
  Secret cipher_;
  std::optional<ChunkHeader> end_;
  std::uint64_t floor_ = 0;
  Time began_;
  Time paced_at_;
  bool first_tried_ = false;  ///< whether another member would be faster next to the server
  double full_share_ = 0;     ///< of the time, lately, in which the source had to wait
  double best_rate_ = 0;      ///< bytes a second that some member received over a second
};

}  // namespace ka::wire
