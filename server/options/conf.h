#pragma once
/// The lines of /etc/ka/ka.conf (docs/ka.conf.5): "key = value", comments, blank lines.

#include <string>
#include <string_view>
#include <vector>

namespace ka::server {

struct ConfEntry {
  unsigned line = 0;  ///< from 1
  std::string key, value;
};

/// Throws Error "FILE:LINE: …" for a line that is none of the three. A value may hold blanks, and a '#' that no blank
/// stands before: else a comment begins there.
std::vector<ConfEntry> parse_conf(std::string_view text, const std::string& file);

}  // namespace ka::server
