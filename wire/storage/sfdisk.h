#pragma once
/// Partition tables as sfdisk(8) reads and writes them.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "wire/storage/rule.h"

namespace ka::storage {

/// A disk's table as it is.
struct ReadTable {
  std::string label;  ///< sfdisk's word: "dos", "gpt", "sun", …; of others than the first two nothing else is known
  Table table;
  std::uint32_t sector = 512;
  std::vector<Partition> partitions;  ///< by number; those of no size are none

  bool known() const { return label == label_names[0] || label == label_names[1]; }
  const Partition* find(int number) const;
};

/// `sfdisk --json`. Throws Error if it is not what sfdisk prints for a disk.
ReadTable read_sfdisk(std::string_view json);

/// Input for sfdisk: label, identity, and each partition of `table` by number, in its place.
std::string sfdisk_script(const Storage& storage, const Node& table, const Places& places);

/// What a disk's table says otherwise than it was meant, in words: a place, a type, a GUID, a name; "": nothing.
std::string difference(const Storage& storage, const Node& table, const Places& places, const ReadTable& made);

}  // namespace ka::storage
