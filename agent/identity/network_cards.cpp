#include "agent/identity/network_cards.h"

#include <algorithm>

namespace ka::agent {

namespace {

template <typename Card>
std::vector<const Card*> hardware(const std::vector<Card>& cards) {
  std::vector<const Card*> list;
  for (const Card& card : cards)
    if (!card.place.empty()) list.push_back(&card);
  return list;
}

}  // namespace

CardMap::CardMap(const std::vector<wire::NetworkCard>& golden, const std::vector<NetworkCard>& here,
                 const std::string& booted) {
  const auto golden_cards = hardware(golden);
  const auto cards = hardware(here);
  auto in_place_of = [&cards](const wire::NetworkCard* card) {
    auto same = [card](const NetworkCard* other) { return other->place == card->place; };
    auto found = std::find_if(cards.begin(), cards.end(), same);
    return found == cards.end() ? std::string() : (*found)->address;
  };
  auto has_successor = [&in_place_of](const wire::NetworkCard* card) { return !in_place_of(card).empty(); };
  const bool one_each = golden_cards.size() == 1 && (cards.size() == 1 || !booted.empty());
  const bool all_found = std::all_of(golden_cards.begin(), golden_cards.end(), has_successor);
  for (const wire::NetworkCard* card : golden_cards) {
    if (one_each) {
      add(*card, booted.empty() ? cards[0]->address : booted);
    } else {
      add(*card, all_found ? in_place_of(card) : "");
    }
  }
  // Bridges and bonds have the address of a card, or one that somebody gave them: then nothing takes its place.
  for (const wire::NetworkCard& card : golden)
    if (card.place.empty()) add(card, "");
}

void CardMap::add(const wire::NetworkCard& card, const std::string& here) {
  auto golden = parse_hardware_address(card.address);
  const bool none = !golden || *golden == HardwareAddress();
  if (none || is_golden(*golden)) return;
  Pair pair;
  pair.golden = *golden;
  pair.here = parse_hardware_address(here);
  pairs_.push_back(pair);
}

const CardMap::Pair* CardMap::find(const HardwareAddress& address) const {
  auto same = [&address](const Pair& pair) { return pair.golden == address; };
  auto found = std::find_if(pairs_.begin(), pairs_.end(), same);
  return found == pairs_.end() ? nullptr : &*found;
}

std::optional<HardwareAddress> CardMap::successor(const HardwareAddress& golden) const {
  const Pair* pair = find(golden);
  return pair ? pair->here : std::nullopt;
}

}  // namespace ka::agent
