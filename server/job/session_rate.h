#pragma once
/// How fast the nodes of a session write, lately, told from how much they have written on the average.

#include <chrono>
#include <cstdint>

namespace ka::server {

class SessionRate {
 public:
  using Clock = std::chrono::steady_clock;

  /// A session begins.
  void restart(Clock::time_point now) { *this = SessionRate(now); }

  /// Once a second is enough to be told a figure that does not flicker; asked more often, it keeps what it said.
  bool is_due(Clock::time_point now) const { return now - at_ >= std::chrono::seconds(1); }

  /// `bytes` are written now. Returns bytes a second.
  double measure(std::uint64_t bytes, Clock::time_point now) {
    const std::chrono::duration<double> passed = now - at_;
    const double rate = bytes > bytes_ ? static_cast<double>(bytes - bytes_) / passed.count() : 0;
    rate_ = rate_ == 0 ? rate : rate_ * 0.7 + rate * 0.3;
    at_ = now;
    bytes_ = bytes;
    return rate_;
  }

  SessionRate() = default;

 private:
  explicit SessionRate(Clock::time_point now) : at_(now) {}

  Clock::time_point at_;
  std::uint64_t bytes_ = 0;
  double rate_ = 0;
};

}  // namespace ka::server
