#pragma once
/// What a stage2 can make: its file ka/stage2.json, found when the image was made by making each (initramfs/mkstage2).
///
///     {"kernel": "6.1.0-56-amd64", "makes": {"fat": [], "xfs": ["crc", "reflink"]}}

#include <map>
#include <set>
#include <string>
#include <string_view>

#include "wire/storage/storage.h"

namespace ka::storage {

struct Makes {
  std::string kernel;
  std::map<std::string, std::set<std::string>> features;  ///< by Rule::kind
};

/// Throws Error naming the field.
Makes parse_makes(std::string_view json);

/// Why that stage2 cannot make a content, or "": "exchange, which stage2 (Linux 6.1.0-56-amd64) cannot make".
std::string cannot_make(const Makes& makes, const Node& content);

}  // namespace ka::storage
