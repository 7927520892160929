#pragma once
/// What the clone's own crypttab says of how its encrypted devices are opened without a person.

#include <string>
#include <string_view>
#include <vector>

#include "agent/machine/clone_tree.h"
#include "agent/machine/log.h"
#include "agent/storage/kinds.h"
#include "base/asio.h"

namespace ka::agent {

/// How a line of crypttab opens a device.
struct CrypttabEntry {
  std::size_t line = 0;
  std::string name, device;
  std::string key;  ///< the path of a file; empty: none is named
  std::vector<std::string> options;

  /// Of "NAME=value"; empty: it is not there.
  std::string option(std::string_view name) const;
};

std::vector<CrypttabEntry> parse_crypttab(std::string_view text);

/// The key files that crypttab and /etc/cryptsetup-keys.d name, and that lie in the clone, open its new headers, too:
/// the same key on every clone, which is warned of. So is what else crypttab counts on and a clone has not. `made`: the
/// jobs of what is encrypted. Throws Error if a key cannot be added.
Awaitable<void> fit_crypt_files(Machine& machine, CloneTree& clone, const CloneTree& stage2, Log& log,
                                std::vector<Job> made);

}  // namespace ka::agent
