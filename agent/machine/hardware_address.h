#pragma once
/// Ethernet addresses as people and boot loaders write them.

#include <optional>
#include <string_view>

#include "wire/dhcp/hardware_address.h"

namespace ka::agent {

using dhcp::HardwareAddress;

/// Six octets of two hexadecimal digits between colons or dashes. pxelinux's BOOTIF has the ARP hardware type before
/// them ("01-52-54-…"): of seven octets the first is dropped. nullopt for everything else.
std::optional<HardwareAddress> parse_hardware_address(std::string_view text);

}  // namespace ka::agent
