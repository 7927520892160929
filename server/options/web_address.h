#pragma once
/// --web [ADDRESS:]PORT.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ka::server {

struct WebAddress {
  std::optional<std::uint32_t> address;  ///< IPv4, host order; none: where nodes are served
  std::uint16_t port = 0;                ///< 0: any that is free
};

std::optional<WebAddress> parse_web_address(std::string_view text);

/// For the table of options: what is wrong with it; empty: nothing.
std::string check_web_address(const std::string& text);

}  // namespace ka::server
