#include "base/network_cards.h"

#include <limits.h>
#include <stdlib.h>

#include "base/files.h"
#include "base/text.h"

namespace ka {

namespace {

// The last name of the real path; a virtio device's number says nothing of its place, but what it sits on does.
std::string place_of(const std::string& device) {
  char resolved[PATH_MAX];
  if (::realpath(device.c_str(), resolved) == nullptr) return {};
  std::string_view path = resolved;
  if (path.substr(path.rfind('/') + 1).starts_with("virtio")) path = path.substr(0, path.rfind('/'));
  return std::string(path.substr(path.rfind('/') + 1));
}

}  // namespace

std::vector<NetworkCard> read_network_cards(const std::string& sysfs) {
  std::vector<NetworkCard> cards;
  const std::string directory = sysfs + "/class/net/";
  for (const std::string& name : list_directory(directory)) {
    const std::string folder = directory + name;
    NetworkCard card;
    card.name = name;
    card.place = place_of(folder + "/device");
    auto own = read_file_if_any(folder + "/bonding_slave/perm_hwaddr");
    card.address = trim(own ? *own : read_file_if_any(folder + "/address").value_or(""));
    constexpr std::size_t ethernet = 17;
    if (card.address.size() == ethernet && card.address != "00:00:00:00:00:00") cards.push_back(std::move(card));
  }
  return cards;
}

}  // namespace ka
