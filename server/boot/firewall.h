#pragma once
/// Whether a ruleset of nftables, as `nft list ruleset` prints it (nft(8)), lets machines reach ports of this one. No
/// I/O. Only what is plain is judged: rules about interface, port, protocol and connection state, and a chain's policy.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ka::server {

struct FirewallNeeds {
  std::string interface;
  std::vector<std::uint16_t> udp, tcp;
};

/// A sentence for each chain of the hook input, with the line that opens it until the rules are loaded again.
struct FirewallVerdict {
  std::vector<std::string> shut;     ///< drops or rejects, beyond doubt
  std::vector<std::string> unclear;  ///< may do so: it has rules that only nftables itself understands
};

FirewallVerdict judge_firewall(std::string_view ruleset, const FirewallNeeds& needs);

}  // namespace ka::server
