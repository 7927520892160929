#include "wire/pace.h"

#include <limits>

namespace ka::wire {

namespace {

constexpr Time span = std::chrono::seconds(1);
constexpr Time enough = std::chrono::milliseconds(250);
constexpr double busy_share = 0.05;  // below this, a sink's work is too little to be measured

}  // namespace

void Pace::add(Time now, const Position& position) {
  samples_.push_back({now, position});
  while (samples_.size() > 2 && now - samples_[1].at >= span) samples_.pop_front();
}

bool Pace::known() const { return samples_.size() > 1 && samples_.back().at - samples_.front().at >= enough; }

double Pace::rate(std::uint64_t from, std::uint64_t to) const {
  std::chrono::duration<double> time = samples_.back().at - samples_.front().at;
  return static_cast<double>(to - from) / time.count();
}

double Pace::receive_rate() const {
  return known() ? rate(samples_.front().position.received, samples_.back().position.received) : 0;
}

double Pace::sink_rate() const {
  return known() ? rate(samples_.front().position.sunk, samples_.back().position.sunk) : 0;
}

double Pace::relay_share() const {
  if (!known()) return 1;
  const Sample &first = samples_.front(), &last = samples_.back();
  const std::chrono::duration<double> time = last.at - first.at;
  // What members tell of their work need not grow.
  const double busy = static_cast<double>(last.position.relay_busy) - static_cast<double>(first.position.relay_busy);
  return busy / 1e6 / time.count();
}

double Pace::sink_ability() const {
  constexpr double unlimited = std::numeric_limits<double>::infinity();
  if (!known()) return unlimited;
  const Position &first = samples_.front().position, &last = samples_.back().position;
  const std::chrono::duration<double> time = samples_.back().at - samples_.front().at;
  const double busy = (static_cast<double>(last.sink_busy) - static_cast<double>(first.sink_busy)) / 1e6;
  // A sink in the midst of one long write has taken nothing and has, so far, reported no work either.
  if (last.sunk == first.sunk) return last.received == last.sunk ? unlimited : 0;
  return busy < busy_share * time.count() ? unlimited : static_cast<double>(last.sunk - first.sunk) / busy;
}

}  // namespace ka::wire
