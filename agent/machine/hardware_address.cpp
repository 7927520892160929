#include "agent/machine/hardware_address.h"

#include <string>
#include <vector>

#include "base/text.h"

namespace ka::agent {

std::optional<HardwareAddress> parse_hardware_address(std::string_view text) {
  const char separator = text.find(':') != std::string_view::npos ? ':' : '-';
  // GRUB users write 01-aa:bb:cc:dd:ee:ff, since $net_default_mac has colons.
  std::string normal(text);
  if (separator == ':' && normal.size() > 2 && normal[2] == '-') normal[2] = ':';

  std::vector<std::string_view> fields = split(normal, separator);
  if (fields.size() == 7 && fields[0].size() == 2 && parse_unsigned(fields[0], 16)) fields.erase(fields.begin());
  HardwareAddress address;
  if (fields.size() != address.octets.size()) return std::nullopt;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    auto value = fields[i].size() == 2 ? parse_unsigned(fields[i], 16) : std::nullopt;
    if (!value) return std::nullopt;
    address.octets[i] = static_cast<std::uint8_t>(*value);
  }
  return address;
}

}  // namespace ka::agent
