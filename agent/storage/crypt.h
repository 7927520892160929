#pragma once
/// What a node does with LUKS besides making it.

#include <string>

#include "agent/storage/kinds.h"

namespace ka::agent {

struct KeyFile {
  std::string path;          ///< as stage2 sees it
  std::string size, offset;  ///< of what of it is the key; empty: all
};

/// A second key for what was made by this job, which the passphrase opens.
Command add_luks_key(const Job& job, const KeyFile& key);

}  // namespace ka::agent
