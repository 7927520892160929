#pragma once
/// Whose hardware address becomes whose.

#include <optional>
#include <string>
#include <vector>

#include "agent/machine/hardware_address.h"
#include "base/network_cards.h"
#include "wire/manifest.h"

namespace ka::agent {

/// The golden node's hardware addresses, each with the clone's card that takes its place.
class CardMap {
 public:
  /// `booted`: the address of the card that this machine was cloned through; may be empty. Cards correspond if each
  /// side has but one (the golden one goes to `booted` then), or if all the golden ones are found here in their places.
  CardMap(const std::vector<wire::NetworkCard>& golden, const std::vector<NetworkCard>& here,
          const std::string& booted);

  bool is_golden(const HardwareAddress& address) const { return find(address) != nullptr; }
  /// nullopt: none takes its place beyond doubt.
  std::optional<HardwareAddress> successor(const HardwareAddress& golden) const;

 private:
  struct Pair {
    HardwareAddress golden;
    std::optional<HardwareAddress> here;
  };
  const Pair* find(const HardwareAddress& address) const;
  void add(const wire::NetworkCard& card, const std::string& here);

  std::vector<Pair> pairs_;
};

}  // namespace ka::agent
