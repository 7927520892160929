#pragma once
/// The last second of a member of a chain: how fast it receives, and how fast its sink could go.

#include <chrono>
#include <cstdint>
#include <deque>

#include "wire/messages.h"

namespace ka::wire {

/// Since some fixed moment; whoever calls has the clock.
using Time = std::chrono::microseconds;

class Pace {
 public:
  void add(Time now, const Position& position);
  /// Whether it was watched long enough to say anything.
  bool known() const;
  /// Bytes a second that it received.
  double receive_rate() const;
  /// Bytes a second that its sink took.
  double sink_rate() const;
  /// Bytes a second that its sink takes while it has something to take; infinite for one that hardly has to work.
  double sink_ability() const;
  /// The share of the time in which something was under way from it to the next member: near 1 when that link carries
  /// all it can.
  double relay_share() const;

 private:
  struct Sample {
    Time at;
    Position position;
  };
  double rate(std::uint64_t from, std::uint64_t to) const;

  std::deque<Sample> samples_;
};

}  // namespace ka::wire
