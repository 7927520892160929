#include "server/boot/next_boot.h"

#include "base/error.h"
#include "base/random.h"

namespace ka::server {

void NextBoot::node(const NodeStatus& status) {
  if (const BootBook::Entry* entry = book_.heard(status)) try_to_tell(status.hardware_address, *entry);
}

void NextBoot::next_job(bool ended) {
  for (const auto& [card, entry] : book_.next_job(ended)) try_to_tell(card, entry);
}

void NextBoot::give_tokens() { tokens_.emplace(random_token); }

// A token that was shown is replaced before anything else is done: the machine may boot again at any time.
std::string NextBoot::admit(const std::string& hardware_address, const std::string& token) {
  if (!tokens_) return "";
  const wire::BootTokens::Answer answer = tokens_->judge(hardware_address, token);
  if (answer.used) told(hardware_address, book_.entry(hardware_address));
  return answer.why_not;
}

void NextBoot::tell(const std::string& hardware_address, const BootBook::Entry& entry) {
  BootBook::Entry whole = entry;
  if (tokens_ && entry.next != BootBook::Next::own_disk)
    whole.token = tokens_->next(hardware_address);
  else if (tokens_)
    tokens_->withdraw(hardware_address);
  if (hands_.write)
    hands_.write(hardware_address, whole);
  else
    write(hardware_address, whole);
}

bool NextBoot::told(const std::string& hardware_address, const BootBook::Entry& entry) {
  try {
    tell(hardware_address, entry);
  } catch (const std::exception& error) {
    say_(words_of(error));
    return false;
  }
  return true;
}

void NextBoot::try_to_tell(const std::string& hardware_address, const BootBook::Entry& entry) {
  if (told(hardware_address, entry) && entry.next == BootBook::Next::stopped)
    say_("When it boots again, " + name_of(hardware_address, entry) + " is shown why it failed, and waits (--tries)");
}

std::string NextBoot::name_of(const std::string& hardware_address, const BootBook::Entry& entry) {
  return (entry.host_name.empty() ? "" : entry.host_name + ", ") + hardware_address;
}

}  // namespace ka::server
