#pragma once
/// The two UDP packets by which a node finds a server (docs/protocol.md, "Discovery").

#include <cstdint>
#include <string>
#include <string_view>

#include "wire/codec.h"

namespace ka::wire {

inline constexpr std::uint32_t discovery_magic = 0x4b414431;  ///< "KAD1"
inline constexpr std::size_t longest_session_name = 64;

/// "Who serves this session?", broadcast by a node.
struct DiscoveryQuery {
  std::uint64_t token = 0;  ///< random; the answer carries it back
  std::string session;
};

/// "I do", sent to the asking address only.
struct DiscoveryAnswer {
  std::uint64_t token = 0;
  std::uint64_t server = 0;  ///< random, of this run of the server: it may have several addresses
  std::uint16_t control_port = 0;
  std::string session;
};

std::string encode(const DiscoveryQuery& query);
std::string encode(const DiscoveryAnswer& answer);

/// Both throw ProtocolError on anything else than one whole packet of its kind.
DiscoveryQuery parse_discovery_query(std::string_view packet);
DiscoveryAnswer parse_discovery_answer(std::string_view packet);

/// 1 to 64 of A-Z a-z 0-9 . _ -
bool is_session_name(std::string_view name);

}  // namespace ka::wire
