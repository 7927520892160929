#pragma once
/// What must be so on this machine and its network before machines that boot by PXE can be answered: rights, ports that
/// are free, a firewall that lets questions in, and no second DHCP server. Looked at before anybody waits.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/asio.h"

namespace ka::server {

struct BootNeeds {
  std::string interface;
  asio::ip::address_v4 server;  ///< on that interface
  bool gives_addresses = false;
  std::uint16_t http_port = 0;
  std::uint16_t control_port = 0, data_port = 0;  ///< 0: the job runs elsewhere
};

/// What may be in the way, but cannot be told for sure. Throws Error, with the remedy, for what is in the way.
Awaitable<std::vector<std::string>> check_boot_needs(asio::io_context& io, const BootNeeds& needs);

/// The capabilities that are needed and that this text of /proc/self/status lacks, each with what needs it.
std::vector<std::string> missing_capabilities(std::string_view status);

}  // namespace ka::server
