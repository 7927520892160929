#pragma once
/// The desc file: one line per partition, as fdisk_to_desc of the KA method wrote it.
///
///     # comment
///     linux 3500
///     extended fill
///     logical swap 500
///     logical linux fill
///
/// and, since there are other tables than DOS ones:
///
///     gpt
///     bios 1
///     linux 20000 shrink name "root"
///     7: home fill
///
/// The first line may be `gpt` or `dos`; without it the table is what it is on the golden disk. A line is
/// [N:] [logical] TYPE SIZE [shrink] [name "TEXT"]. N is the partition's number, else they are counted. TYPE is linux,
/// swap, extended, efi, bios, xbootldr, home, raid, lvm, one of sfdisk's letters for them, typeXX (XX: hexadecimal MBR
/// type) or typeGUID; SIZE is MiB or fill (all that is left). `logical` goes before a partition inside the extended
/// one, which must come before it.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wire/storage/storage.h"

namespace ka::wire {

/// A desc whose words are understood. What they mean depends on the label.
struct Desc {
  struct Line {
    unsigned line = 0;  ///< in the file
    std::optional<int> number;
    bool logical = false;
    std::string type;
    std::optional<std::uint64_t> size_mib;  ///< nullopt: fill
    bool shrinks = false;
    std::optional<std::string> name;
  };

  std::string file;                     ///< for messages only
  std::optional<storage::Label> label;  ///< of its first line
  std::vector<Line> lines;              ///< at least one
};

/// Throws Error "FILE:LINE: what is wrong, and what would be right".
Desc parse_desc(std::string_view text, std::string_view file);

/// Its partitions in a table of the desc's label, or else of `golden`; in its order, without places. Throws Error as
/// parse_desc.
std::vector<storage::Partition> partitions_of(const Desc& desc, storage::Label golden);

/// The inverse: text that makes the same partitions.
std::string format_desc(storage::Label label, const std::vector<storage::Partition>& partitions);

}  // namespace ka::wire
