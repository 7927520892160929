#include "server/golden/network_addresses.h"

#include <ifaddrs.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "base/asio.h"
#include "base/error.h"
#include "wire/manifest.h"

namespace ka::server {

namespace {

// Empty: not one that only this machine has.
std::string text_of(const sockaddr* socket_address) {
  if (socket_address->sa_family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, socket_address, sizeof in);
    const asio::ip::address_v4 address(ntohl(in.sin_addr.s_addr));
    const bool link_local = (address.to_uint() & 0xffff'0000) == 0xa9fe'0000;
    return address.is_loopback() || link_local || address.is_unspecified() ? "" : address.to_string();
  }
  if (socket_address->sa_family != AF_INET6) return "";
  sockaddr_in6 in{};
  std::memcpy(&in, socket_address, sizeof in);
  asio::ip::address_v6::bytes_type bytes;
  std::memcpy(bytes.data(), &in.sin6_addr, bytes.size());
  const asio::ip::address_v6 address(bytes);
  return address.is_loopback() || address.is_link_local() || address.is_unspecified() ? "" : address.to_string();
}

}  // namespace

std::vector<std::string> own_addresses(const ifaddrs* list) {
  std::vector<std::string> addresses;
  for (const ifaddrs* i = list; i != nullptr; i = i->ifa_next) {
    if (i->ifa_addr == nullptr) continue;
    std::string text = text_of(i->ifa_addr);
    if (!text.empty() && std::find(addresses.begin(), addresses.end(), text) == addresses.end())
      addresses.push_back(std::move(text));
  }
  return addresses;
}

std::vector<std::string> read_network_addresses() {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) throw Error::from_errno("list the network interfaces");
  std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(list, &::freeifaddrs);
  std::vector<std::string> addresses = own_addresses(list);
  addresses.resize(std::min(addresses.size(), wire::most_golden_addresses));
  return addresses;
}

}  // namespace ka::server
