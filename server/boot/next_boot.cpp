#include "server/boot/next_boot.h"

#include "base/error.h"

namespace ka::server {

void NextBoot::node(const NodeStatus& status) {
  if (const BootBook::Entry* entry = book_.heard(status)) try_to_tell(status.hardware_address, *entry);
}

void NextBoot::next_job(bool ended) {
  for (const auto& [card, entry] : book_.next_job(ended)) try_to_tell(card, entry);
}

void NextBoot::tell(const std::string& hardware_address, const BootBook::Entry& entry) {
  if (hands_.write)
    hands_.write(hardware_address, entry);
  else
    write(hardware_address, entry);
}

void NextBoot::try_to_tell(const std::string& hardware_address, const BootBook::Entry& entry) {
  try {
    tell(hardware_address, entry);
  } catch (const std::exception& error) {
    say_(words_of(error));
    return;
  }
  if (entry.next == BootBook::Next::stopped)
    say_("When it boots again, " + name_of(hardware_address, entry) + " is shown why it failed, and waits (--tries)");
}

std::string NextBoot::name_of(const std::string& hardware_address, const BootBook::Entry& entry) {
  return (entry.host_name.empty() ? "" : entry.host_name + ", ") + hardware_address;
}

}  // namespace ka::server
