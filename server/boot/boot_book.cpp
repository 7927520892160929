#include "server/boot/boot_book.h"

#include <optional>

#include "base/text.h"

namespace ka::server {

const BootBook::Entry* BootBook::heard(const NodeStatus& node) {
  // It names files.
  const std::optional<std::string> card = parse_hardware_address(node.hardware_address);
  if (!card || *card != node.hardware_address) return nullptr;
  Machine& machine = machines_[*card];
  Entry& entry = machine.entry;
  const bool failed = node.state == NodeStatus::State::failed;
  if (failed && entry.failures < node.failures) entry.failures = node.failures;
  machine.finishing = node.state == NodeStatus::State::finishing;
  Next next = entry.next;
  if (machine.guessed && failed) next = Next::clone;
  // A clone stays one, whoever says later that he is this machine.
  if (node.state == NodeStatus::State::done) next = Next::own_disk;
  machine.guessed = machine.guessed && next == Next::own_disk && node.state != NodeStatus::State::done;
  if (next == Next::clone && failed && entry.failures >= tries_) next = Next::stopped;
  // Somebody at the machine has let it try once more.
  if (next == Next::stopped && !failed) next = Next::clone;
  if (next == entry.next) return nullptr;
  entry.next = next;
  entry.host_name = node.host_name;
  entry.address = node.address;
  entry.reason = node.reason;
  return &entry;
}

std::map<std::string, BootBook::Entry> BootBook::next_job(bool ended) {
  std::map<std::string, Machine> before = std::move(machines_);
  machines_.clear();
  std::map<std::string, Entry> told;
  for (auto& [card, machine] : before) {
    const bool stays = !ended && (machine.entry.next == Next::own_disk || machine.finishing);
    if (stays) {
      Machine& kept = machines_[card];
      kept.guessed = machine.guessed || machine.entry.next != Next::own_disk;
      kept.entry.next = Next::own_disk;
    }
    told[card].next = stays ? Next::own_disk : Next::clone;
  }
  return told;
}

BootBook::Entry BootBook::entry(const std::string& hardware_address) const {
  const auto found = machines_.find(hardware_address);
  return found == machines_.end() ? Entry() : found->second.entry;
}

}  // namespace ka::server
