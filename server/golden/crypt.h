#pragma once
/// Devices of dm-crypt that are open on this machine.

#include <string>
#include <vector>

#include "server/golden/layers.h"

namespace ka::server {

/// Where it is looked for; other folders in tests.
struct CryptPlaces {
  std::string sysfs = "/sys", dev = "/dev";
  std::string crypttab = "/etc/crypttab";
};

/// Adds each to `layers`. What cannot be read of one is why it is strange.
void read_crypts(const CryptPlaces& places, const std::vector<BlockDevice>& devices, Layers& layers);

}  // namespace ka::server
