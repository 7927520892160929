#pragma once
/// So much per second for each address, and what was refused because of it, as lines that can be counted: whoever
/// floods one of our ports takes a fixed share of memory, log and processor time, however much it sends. No I/O, no
/// clock.

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>

#include "wire/pace.h"

namespace ka::wire {

/// A bucket of tokens for each IPv4 address. Remembers at most most_addresses of them; one that has not been heard of
/// for long enough to be full again is as good as a new one, and is forgotten.
class AddressBudget {
 public:
  static constexpr std::size_t most_addresses = 4096;

  /// `burst` at once, then `per_second`.
  AddressBudget(double per_second, double burst) : per_second_(per_second), burst_(burst) {}

  /// Whether the address may have one more now.
  bool take(std::uint32_t address, Time now);

 private:
  struct Bucket {
    double left = 0;
    Time at{0};
  };
  double left(const Bucket& bucket, Time now) const;
  void make_room(Time now);

  double per_second_, burst_;
  std::unordered_map<std::uint32_t, Bucket> buckets_;
};

/// Lines about an address: a few as they are, the others counted and told in one line every ten seconds.
class BoundedLog {
 public:
  explicit BoundedLog(std::function<void(const std::string&)> out) : out_(std::move(out)) {}

  /// A line about this address, which names it by itself.
  void line(std::uint32_t address, const std::string& text, Time now);
  /// A connection that was dropped without looking at it.
  void refused(std::uint32_t address) { ++count(address).connections; }
  /// Tells what was counted; call it a few times a second, and with `all` at the end.
  void tick(Time now, bool all = false);

 private:
  struct Count {
    std::uint64_t lines = 0, connections = 0;
  };
  Count& count(std::uint32_t address);

  std::function<void(const std::string&)> out_;
  AddressBudget lines_{2, 64}, all_lines_{20, 2000};
  std::unordered_map<std::uint32_t, Count> counts_;
  Time told_{0};
};

}  // namespace ka::wire
