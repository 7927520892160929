#pragma once
/// What the name of a node without one begins with: kahostprefix= on its kernel's command line, as pxe-config writes
/// it.

#include <algorithm>
#include <string_view>

namespace ka::wire {

/// With a number behind it, it is a label of the domain name system (RFC 1123 §2.1).
inline bool is_host_prefix(std::string_view text) {
  const auto is_fine = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
  };
  return !text.empty() && text.size() <= 60 && text.front() != '-' && std::all_of(text.begin(), text.end(), is_fine);
}

}  // namespace ka::wire
