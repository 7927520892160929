#pragma once
/// The desc file: one line per partition, as fdisk_to_desc of the KA method wrote it.
///
///     # comment
///     linux 3500
///     extended fill
///     logical swap 500
///     logical linux fill
///
/// TYPE is linux, swap, extended or typeXX (XX: hexadecimal MBR type); SIZE is MiB or fill (all that is
/// left). `logical` goes before a partition inside the extended one, which must come before it.

#include <string>
#include <string_view>
#include <vector>

#include "wire/manifest.h"

namespace ka::wire {

/// Throws Error "FILE:LINE: what is wrong, and what would be right". `file` is for messages only.
std::vector<Partition> parse_desc(std::string_view text, std::string_view file);

/// The inverse: text that parse_desc turns into the same partitions.
std::string format_desc(const std::vector<Partition>& partitions);

}  // namespace ka::wire
