#pragma once
/// Files below /etc that name the golden machine, and that nobody has changed: only a person knows what they are for.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "agent/identity/host_name.h"
#include "agent/identity/identity_record.h"
#include "agent/machine/clone_tree.h"
#include "agent/machine/hardware_address.h"
#include "base/asio.h"
#include "base/network_cards.h"
#include "wire/manifest.h"

namespace ka::agent {

/// The words that stand for the golden machine and not for this one.
class GoldenMarks {
 public:
  /// `here`: this machine's cards, whose addresses are its own.
  GoldenMarks(const HostNames& names, const wire::Manifest& manifest, const std::vector<NetworkCard>& here);

  /// Which of them a line holds as a whole word: wire::found_host_name, …; nullptr: none. A comment holds none.
  const char* in(std::string_view line) const;

 private:
  bool has_host_name(std::string_view line) const;
  bool has_address(std::string_view line) const;
  bool has_hardware_address(std::string_view line) const;

  std::string host_name_;
  std::vector<asio::ip::address> addresses_;
  std::vector<HardwareAddress> cards_;
};

/// How much is looked at, however large /etc is.
struct SearchLimits {
  std::size_t files = 20'000;
  std::size_t file_bytes = 1 << 20;  ///< a larger file is nobody's configuration
  std::size_t listed = 50;           ///< files; the rest is counted
};

/// Tells `record` the first such line of each regular file below /etc, those with an address first, except of files
/// that it tells of already. Links are not followed, and what holds a NUL is no text.
void find_golden_marks(const CloneTree& clone, IdentityRecord& record, const GoldenMarks& marks,
                       const SearchLimits& limits = {});

}  // namespace ka::agent
