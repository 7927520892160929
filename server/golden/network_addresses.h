#pragma once
/// The addresses by which others know this machine.

#include <string>
#include <vector>

struct ifaddrs;

namespace ka::server {

/// Of getifaddrs(3)'s list those that only one machine of a network has, each once: not loopback, not link-local.
std::vector<std::string> own_addresses(const ifaddrs* list);

/// Those of this machine; at most wire::most_golden_addresses. Throws Error.
std::vector<std::string> read_network_addresses();

}  // namespace ka::server
