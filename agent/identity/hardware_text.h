#pragma once
/// Ethernet addresses in texts, in the forms in which configuration files write them.

#include <optional>
#include <string>
#include <string_view>

#include "agent/machine/hardware_address.h"

namespace ka::agent {

/// One address in a text: "52:54:00:12:34:56", "52-54-…", "5254.0012.3456", "525400123456", also as the end of a longer
/// identifier ("01-52-54-…", "1:52:54:…", a DUID).
struct AddressPlace {
  std::size_t begin = 0, end = 0;
  HardwareAddress address;
};

/// The first one at or behind `from`.
std::optional<AddressPlace> find_address(std::string_view text, std::size_t from = 0);

/// `written` with other digits: separators and capitals stay.
std::string with_address(std::string_view written, const HardwareAddress& address);

}  // namespace ka::agent
