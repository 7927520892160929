#pragma once
/// The settings of one interface, from DHCP or from the command line.

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/asio.h"

namespace ka::agent {

struct Lease {
  asio::ip::address_v4 address;
  unsigned prefix = 24;  ///< length of the netmask, 1 … 32
  std::optional<asio::ip::address_v4> gateway;
  std::vector<asio::ip::address_v4> dns;
  std::string host_name;             ///< safe for files and messages: letters, digits, "-", "_", "."; may be empty
  std::vector<std::string> domains;  ///< to search for names in; the same characters

  asio::ip::address_v4 server;                   ///< DHCP server; unspecified: static settings, or it did not say
  std::optional<std::chrono::seconds> duration;  ///< nullopt: for ever
  std::chrono::seconds renewal{}, rebinding{};   ///< T1 and T2 (RFC 2131 §4.4.5), if `duration`

  bool operator==(const Lease&) const = default;
};

}  // namespace ka::agent
