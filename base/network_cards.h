#pragma once
/// The network interfaces of this machine, as sysfs has them.

#include <string>
#include <vector>

namespace ka {

struct NetworkCard {
  std::string name;     ///< "eth0"
  std::string address;  ///< "52:54:00:12:34:56", the one it has now; of a bond's card the one it was made with
  std::string place;    ///< in the machine: "0000:00:03.0", "2-1:1.0"; empty: no hardware (a bridge, a bond, …)
};

/// Those with an Ethernet address, in the order of their names. `sysfs` is another folder in tests.
std::vector<NetworkCard> read_network_cards(const std::string& sysfs = "/sys");

}  // namespace ka
