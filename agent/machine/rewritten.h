#pragma once
/// A text file of the clone with what must not be the golden node's changed in it.

#include <string>
#include <string_view>
#include <vector>

#include "agent/machine/clone_tree.h"
#include "agent/machine/log.h"

namespace ka::agent {

struct Rewritten {
  std::string text;
  std::vector<std::string> changes;   ///< "line 3: /dev/sda1 is now UUID=…", for the log
  std::vector<std::string> warnings;  ///< "line 4: /dev/sdb1 (/data) is not cloned …", for the log
};

/// Logs the changes and warnings under the file's name, and writes it if anything changed. True then.
bool apply(CloneTree& clone, Log& log, const std::string& file, const Rewritten& rewritten);

/// Without the blanks around it, and without a pair of quotes around that.
std::string_view unquoted(std::string_view text);

}  // namespace ka::agent
