#pragma once
/// Which program of this machine has a port that is wanted.

#include <cstdint>
#include <string>

#include "base/asio.h"

namespace ka::server {

struct ServerPort {
  enum Protocol { udp, tcp };

  Protocol protocol = udp;
  std::uint16_t number = 0;
  const char* what = "";  ///< "TFTP"

  std::string text() const;  ///< "UDP port 69 (TFTP)"
};

/// Empty: nobody. Else who, and what ends him as far as it can be told: "in.tftpd (process 812; systemctl stop
/// tftpd-hpa.service ends it)". A socket of another interface is in nobody's way. Throws Error if it cannot be tried.
std::string who_has(const ServerPort& port, const std::string& interface, asio::ip::address_v4 address);

}  // namespace ka::server
