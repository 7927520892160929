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
  if (failed && !machine.failed) ++entry.failures;
  machine.failed = failed;
  Next next = entry.next;
  // A clone stays one, whoever says later that he is this machine.
  if (next != Next::own_disk && node.state == NodeStatus::State::done) next = Next::own_disk;
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

}  // namespace ka::server
