#pragma once
/// Whose connections a server keeps. Before it joins a session, whoever connects is a guest: there are at most so many,
/// of one address and in all, each for a limited time, and the oldest makes room for a new one. So nobody who only
/// connects can keep out others. No I/O, no clock.

#include <cstdint>
#include <map>
#include <optional>
#include <unordered_map>
#include <vector>

#include "wire/chain.h"

namespace ka::wire {

class Visitors {
 public:
  static constexpr std::size_t most_guests = 512;
  /// Enough for a machine that hosts many nodes, or hides them behind its own address, and brings them all at once.
  static constexpr std::size_t most_guests_of_address = 64;
  static constexpr std::size_t most_of_address = 256;  ///< guests and those that joined
  static constexpr Time patience = std::chrono::seconds(30);

  struct Answer {
    bool welcome = true;            ///< else: close the new one
    std::optional<NodeId> instead;  ///< close this one: it makes room
  };
  /// Somebody connected; later ones have higher numbers.
  Answer come(NodeId node, std::uint32_t address, Time now);
  /// It is a guest no more.
  void joined(NodeId node);
  void gone(NodeId node);
  bool is_guest(NodeId node) const { return guests_.count(node) != 0; }
  /// Guests whose time is over.
  std::vector<NodeId> overdue(Time now) const;

 private:
  struct Guest {
    std::uint32_t address;
    Time since;
  };
  std::optional<NodeId> who_makes_room(std::uint32_t address) const;

  std::map<NodeId, Guest> guests_;                        // the oldest first
  std::unordered_map<NodeId, std::uint32_t> addresses_;   // of all who are here
  std::unordered_map<std::uint32_t, std::size_t> count_;  // of those of each address
};

}  // namespace ka::wire
