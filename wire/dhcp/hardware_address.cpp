#include "wire/dhcp/hardware_address.h"

#include <cstdio>

namespace ka::dhcp {

std::string HardwareAddress::text() const {
  char buffer[18];
  std::snprintf(buffer, sizeof buffer, "%02x:%02x:%02x:%02x:%02x:%02x", octets[0], octets[1], octets[2], octets[3],
                octets[4], octets[5]);
  return buffer;
}

}  // namespace ka::dhcp
