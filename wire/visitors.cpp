#include "wire/visitors.h"

#include <algorithm>

namespace ka::wire {

std::optional<NodeId> Visitors::who_makes_room(std::uint32_t address) const {
  auto same = [address](const auto& guest) { return guest.second.address == address; };
  const auto of_address = static_cast<std::size_t>(std::count_if(guests_.begin(), guests_.end(), same));
  if (of_address >= most_guests_of_address) return std::find_if(guests_.begin(), guests_.end(), same)->first;
  if (guests_.size() >= most_guests) return guests_.begin()->first;
  return std::nullopt;
}

Visitors::Answer Visitors::come(NodeId node, std::uint32_t address, Time now) {
  Answer answer;
  answer.instead = who_makes_room(address);
  if (answer.instead) gone(*answer.instead);
  answer.welcome = count_[address] < most_of_address;
  if (!answer.welcome) return answer;
  guests_.emplace(node, Guest{address, now});
  addresses_.emplace(node, address);
  ++count_[address];
  return answer;
}

void Visitors::joined(NodeId node) { guests_.erase(node); }

void Visitors::gone(NodeId node) {
  guests_.erase(node);
  auto found = addresses_.find(node);
  if (found == addresses_.end()) return;
  auto count = count_.find(found->second);
  if (--count->second == 0) count_.erase(count);
  addresses_.erase(found);
}

std::vector<NodeId> Visitors::overdue(Time now) const {
  std::vector<NodeId> late;
  for (const auto& [node, guest] : guests_) {
    if (now - guest.since > patience) late.push_back(node);
  }
  return late;
}

}  // namespace ka::wire
