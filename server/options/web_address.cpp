#include "server/options/web_address.h"

#include "base/text.h"

namespace ka::server {

std::optional<WebAddress> parse_web_address(std::string_view text) {
  WebAddress web;
  if (const std::size_t colon = text.rfind(':'); colon != std::string_view::npos) {
    web.address = parse_address(text.substr(0, colon));
    if (!web.address) return std::nullopt;
    text.remove_prefix(colon + 1);
  }
  const auto port = parse_unsigned(text);
  if (!port || *port > 65535) return std::nullopt;
  web.port = static_cast<std::uint16_t>(*port);
  return web;
}

std::string check_web_address(const std::string& text) {
  return parse_web_address(text) ? "" : text + " is neither a port nor ADDRESS:PORT, as in 8080 or 10.0.1.1:8080";
}

}  // namespace ka::server
