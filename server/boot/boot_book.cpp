#include "server/boot/boot_book.h"

#include <climits>
#include <optional>

#include "base/error.h"
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

std::vector<std::string> words_of_entry(const std::string& hardware_address, const BootBook::Entry& entry) {
  return {hardware_address,
          std::to_string(static_cast<unsigned>(entry.next)),
          std::to_string(entry.failures),
          entry.host_name,
          entry.address,
          entry.reason,
          entry.token};
}

std::pair<std::string, BootBook::Entry> parse_entry(const std::vector<std::string>& words) {
  if (words.size() != 7) throw Error("what a machine is told has seven words");
  const std::optional<std::string> card = parse_hardware_address(words[0]);
  const auto next = parse_unsigned(words[1]), failures = parse_unsigned(words[2]);
  if (!card || *card != words[0]) throw Error("\"" + printable(words[0]) + "\" is no hardware address");
  if (!next || *next > static_cast<unsigned>(BootBook::Next::stopped) || !failures || *failures > UINT_MAX)
    throw Error("\"" + printable(words[1]) + "\" is nothing that a machine is told");
  BootBook::Entry entry;
  entry.next = static_cast<BootBook::Next>(*next);
  entry.failures = static_cast<unsigned>(*failures);
  entry.host_name = words[3];
  entry.address = words[4];
  entry.reason = words[5];
  entry.token = words[6];
  return {*card, entry};
}

BootBook::Entry BootBook::entry(const std::string& hardware_address) const {
  const auto found = machines_.find(hardware_address);
  return found == machines_.end() ? Entry() : found->second.entry;
}

}  // namespace ka::server
