#pragma once
/// What machines that boot from a network would be told there, by whom, and whether it would make nodes of them: asked
/// and loaded as their firmware does it, and judged. Nothing is changed on the network, and no lease is taken.

#include <optional>
#include <string>
#include <vector>

#include "server/probe/dhcp_offers.h"
#include "server/probe/fetched.h"

namespace ka::server {

struct ProbeRequest {
  EthernetLink link;
  asio::ip::address_v4 own;                    ///< this machine's address there
  std::optional<dhcp::HardwareAddress> asked;  ///< as which machine; else as one that nobody knows
};

/// What one server tells a kind of firmware.
struct BootWay {
  asio::ip::address_v4 who;
  asio::ip::address_v4 files_from;  ///< by TFTP
  std::string file;                 ///< a path, or by UEFI HTTP boot a URL
  bool operator==(const BootWay&) const = default;
};

/// For one kind of firmware.
struct Told {
  std::string firmware;                         ///< "BIOS"
  std::vector<asio::ip::address_v4> addresses;  ///< the DHCP servers that offer one
  std::vector<BootWay> ways;                    ///< of different servers
  std::string end;                              ///< where the first of them leads
  bool becomes_node = false;
};

struct ProbeResult {
  std::vector<Told> told;
  std::vector<std::string> wrong;  ///< a sentence each
  std::vector<std::string> notes;  ///< what need not be wrong

  bool boots_nodes() const;  ///< some kind of firmware does, and nothing is wrong
};

/// Takes six seconds and what the files take. Throws Error if it cannot ask.
Awaitable<ProbeResult> probe(asio::io_context& io, ProbeRequest request);

/// For people, as lines.
std::string text_of(const ProbeResult& result, const std::string& interface);

}  // namespace ka::server
