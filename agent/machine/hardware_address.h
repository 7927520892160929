#pragma once
/// An Ethernet (EUI-48) address.

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ka::agent {

struct HardwareAddress {
  std::array<std::uint8_t, 6> octets{};

  std::string text() const;  ///< "52:54:00:12:34:56"
  auto operator<=>(const HardwareAddress&) const = default;
};

/// Six octets of two hexadecimal digits between colons or dashes. pxelinux's BOOTIF has the ARP hardware type before
/// them ("01-52-54-…"): of seven octets the first is dropped. nullopt for everything else.
std::optional<HardwareAddress> parse_hardware_address(std::string_view text);

}  // namespace ka::agent
