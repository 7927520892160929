#pragma once
/// DHCP messages as bytes (RFC 2131 §2, options RFC 2132, long options RFC 3396), and the IPv4 and UDP headers around
/// them, for an interface that has no address yet. No I/O. Every length is checked before what it measures is read.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/ip_address.h"
#include "wire/dhcp/hardware_address.h"

namespace ka::dhcp {

using Bytes = std::vector<std::uint8_t>;

inline constexpr std::uint16_t server_port = 67;
inline constexpr std::uint16_t client_port = 68;

/// Option 53.
enum class Type : std::uint8_t { discover = 1, offer, request, decline, ack, nak, release, inform };

/// What a client sends.
struct Question {
  Type type = Type::discover;
  std::uint32_t xid = 0;
  HardwareAddress mac;
  std::uint16_t seconds = 0;                              ///< since the client began to ask
  bool broadcast = false;                                 ///< the answer shall be broadcast
  asio::ip::address_v4 client_address;                    ///< ciaddr: only when renewing
  std::optional<asio::ip::address_v4> requested_address;  ///< option 50
  std::optional<asio::ip::address_v4> server;             ///< option 54
  std::string vendor_class = "KA";                        ///< option 60; not "PXEClient": that wakes proxyDHCP servers
  std::optional<std::uint16_t> architecture;              ///< option 93, as firmware says it (RFC 4578); with 94 and 97
  Bytes vendor_options;                                   ///< option 43, if there are any
};

Bytes build(const Question& question);

/// What a server says: an OFFER, an ACK or a NAK.
struct Answer {
  Type type = Type::offer;
  std::uint32_t xid = 0;
  HardwareAddress mac;
  asio::ip::address_v4 address;                                     ///< yiaddr
  std::optional<asio::ip::address_v4> server;                       ///< option 54
  std::optional<unsigned> prefix;                                   ///< option 1, as a length
  std::optional<std::uint32_t> lease_seconds;                       ///< option 51; 0xffffffff is for ever
  std::optional<std::uint32_t> renewal_seconds, rebinding_seconds;  ///< options 58, 59
  std::vector<asio::ip::address_v4> routers, dns;                   ///< options 3, 6
  asio::ip::address_v4 next_server, relay;                          ///< siaddr, giaddr
  std::string host_name;             ///< option 12: letters, digits, "-", "_", "."; at most 64 of them
  std::string domain;                ///< option 15, the first name of it; of the same characters
  std::vector<std::string> search;   ///< domains to search: option 119, else all of option 15
  std::string boot_file;             ///< option 67, else the header's field; any characters
  std::string vendor_class;          ///< option 60; any characters
  Bytes vendor_options;              ///< option 43
  std::string message;               ///< option 56, escaped for the console
  std::vector<std::string> refused;  ///< names that were not taken, or not whole, and why; for the log
};

/// A BOOTP reply with a DHCP message in it; nullopt, and `why`, for anything else.
std::optional<Answer> parse(std::span<const std::uint8_t> message, std::string& why);

/// The message in an IPv4 packet from 0.0.0.0:68 to 255.255.255.255:67.
Bytes wrap_for_broadcast(const Bytes& message);

/// The DHCP message in an IPv4 packet from port 67 to port 68; empty for all else. `checksum_ready` is false when the
/// sender left the UDP checksum to hardware that does not exist (virtio; PACKET_AUXDATA says so).
std::span<const std::uint8_t> unwrap(std::span<const std::uint8_t> ip_packet, bool checksum_ready);

/// Who sent a packet out of which unwrap got a message.
asio::ip::address_v4 source_of(std::span<const std::uint8_t> ip_packet);

}  // namespace ka::dhcp
