#pragma once
/// An Ethernet (EUI-48) address.

#include <array>
#include <compare>
#include <cstdint>
#include <string>

namespace ka::dhcp {

struct HardwareAddress {
  std::array<std::uint8_t, 6> octets{};

  std::string text() const;  ///< "52:54:00:12:34:56"
  auto operator<=>(const HardwareAddress&) const = default;
};

}  // namespace ka::dhcp
