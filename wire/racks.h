#pragma once
/// --racks FILE: which nodes stand together, so that they are neighbours in the chain; --only FILE: which nodes may
/// come at all (docs/ka-server.8).

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace ka::wire {

class Racks {
 public:
  Racks() = default;  ///< none

  /// Lines "RACK WHERE…"; WHERE is an address, a network (10.0.1.0/24), a range (10.0.1.30-10.0.1.60) or a hardware
  /// address. A rack may have several lines; # begins a comment. A line without RACK belongs to one that has no name.
  /// Throws Error "FILE:LINE: …".
  static Racks parse(std::string_view text, const std::string& file);

  /// The rack's place in the file, from 0; behind all of them what is in none. Hardware addresses ("52:54:00:12:34:56")
  /// go before addresses.
  std::size_t of(std::uint32_t address, const std::string& hardware_address) const;
  /// Whether the file names it.
  bool holds(std::uint32_t address, const std::string& hardware_address) const {
    return of(address, hardware_address) < names_.size();
  }
  bool empty() const { return names_.empty(); }
  /// Each hardware address, and its rack's place.
  const std::map<std::string, std::size_t>& cards() const { return cards_; }
  /// No address, network or range beside them.
  bool only_cards() const { return ranges_.empty(); }

 private:
  void add(const std::vector<std::string_view>& fields);

  struct Range {
    std::uint32_t first = 0, last = 0;
    std::size_t rack = 0;
  };

  std::vector<std::string> names_;
  std::vector<Range> ranges_;
  std::map<std::string, std::size_t> cards_;
};

}  // namespace ka::wire
