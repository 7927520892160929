#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <memory>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "server/pxe/pxe_values.h"

namespace ka::server {

namespace {

Address address_of(const sockaddr* address) {
  return Address(ntohl(reinterpret_cast<const sockaddr_in*>(address)->sin_addr.s_addr));
}

struct DefaultRoute {
  std::string interface;
  std::optional<Address> gateway;
};

/// proc(5): hexadecimal numbers in the byte order of the machine, as the kernel stores them.
std::optional<DefaultRoute> default_route() {
  std::optional<std::string> table = read_file_if_any("/proc/net/route");
  if (!table) return std::nullopt;
  for (std::string_view line : split(*table, '\n')) {
    std::vector<std::string_view> fields = words(line);
    if (fields.size() < 8 || fields[1] != "00000000" || fields[7] != "00000000") continue;
    auto gateway = parse_unsigned(fields[2], 16);
    if (!gateway) continue;
    DefaultRoute route;
    route.interface = fields[0];
    if (*gateway != 0) route.gateway = Address(ntohl(static_cast<std::uint32_t>(*gateway)));
    return route;
  }
  return std::nullopt;
}

void add_resolver(NetworkFacts& facts) {
  std::optional<std::string> text = read_file_if_any("/etc/resolv.conf");
  if (!text) return;
  for (std::string_view line : split(*text, '\n')) {
    std::vector<std::string_view> fields = words(line);
    if (fields.size() < 2) continue;
    if (fields[0] == "nameserver") {
      const std::optional<std::uint32_t> address = parse_address(fields[1]);
      if (address && !Address(*address).is_loopback()) facts.dns.push_back(Address(*address));
    } else if (fields[0] == "search" || fields[0] == "domain") {
      if (fields[1] != ".") facts.domain = fields[1];
    }
  }
}

}  // namespace

std::vector<Address> own_addresses() {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) throw Error::from_errno("list the network interfaces");
  std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(list, &::freeifaddrs);
  std::vector<Address> addresses;
  for (const ifaddrs* i = list; i != nullptr; i = i->ifa_next)
    if (i->ifa_addr != nullptr && i->ifa_addr->sa_family == AF_INET) addresses.push_back(address_of(i->ifa_addr));
  return addresses;
}

std::optional<NetworkFacts> network_facts(const std::string& interface) {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) throw Error::from_errno("list the network interfaces");
  std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(list, &::freeifaddrs);
  std::optional<DefaultRoute> route = default_route();

  std::vector<NetworkFacts> found;
  for (const ifaddrs* i = list; i != nullptr; i = i->ifa_next) {
    if (i->ifa_addr == nullptr || i->ifa_addr->sa_family != AF_INET || i->ifa_netmask == nullptr) continue;
    if ((i->ifa_flags & IFF_LOOPBACK) != 0 || (!interface.empty() && interface != i->ifa_name)) continue;
    NetworkFacts facts;
    facts.interface = i->ifa_name;
    facts.address = address_of(i->ifa_addr);
    facts.prefix = static_cast<unsigned short>(__builtin_popcount(address_of(i->ifa_netmask).to_uint()));
    if (route && route->interface == facts.interface) facts.gateway = route->gateway;
    found.push_back(std::move(facts));
  }
  if (found.empty()) return std::nullopt;
  NetworkFacts* chosen = &found.front();
  if (interface.empty() && found.size() > 1) {
    chosen = nullptr;
    for (NetworkFacts& facts : found) {
      if (route && facts.interface == route->interface) chosen = &facts;
    }
    if (chosen == nullptr) {
      std::string names;
      for (const NetworkFacts& facts : found) names += " " + facts.interface;
      throw Error("interface", "this machine has several; give the one that nodes are on:" + names);
    }
  }
  add_resolver(*chosen);
  return std::move(*chosen);
}

}  // namespace ka::server
