#pragma once
/// A passphrase on its way from the server to the node that makes what it opens.

#include <cstddef>
#include <string>

#include "base/secret.h"

namespace ka::wire {

struct DevicePassphrase {
  std::string device;  ///< the golden machine's word for what it opens: "sda3_crypt"; empty: for all others
  Secret passphrase;
};

/// So many fit into one message.
inline constexpr std::size_t most_passphrases = 24, longest_passphrase = 512;

}  // namespace ka::wire
