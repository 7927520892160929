#pragma once
/// --luks-key: what will open the encrypted devices of the clones.

#include <map>
#include <string>

#include "base/secret.h"
#include "server/options/options.h"

namespace ka::server {

struct LuksKeys {
  enum class Way { none, files, ask, generate };

  Way way = Way::none;
  std::map<std::string, Secret> by_device;  ///< of files: by the name that it is mapped by; "": all others
};

/// Reads the files. Throws UsageError if the values contradict each other, Error naming a file that holds no
/// passphrase: one line of at most 512 bytes.
LuksKeys read_luks_keys(const CloneOptions& options);

/// One that is hard to guess (101 bits) and can be typed on whatever keyboard: no letter or figure that lies elsewhere
/// on a French or German one, or looks like another. "tgbn hufd rekc sovp jxni dgte"
Secret generate_passphrase();

}  // namespace ka::server
