#pragma once
/// What partitions are for, in the words of desc files and of sfdisk: one entry each, with its type in tables of both
/// labels.

#include <string>
#include <string_view>

#include "wire/storage/storage.h"

namespace ka::storage {

struct PartitionType {
  const char* word;   ///< of a desc: "linux"
  const char* alias;  ///< sfdisk's: "L"; or nullptr
  const char* dos;    ///< "83"; or nullptr: a DOS table has none
  const char* gpt;    ///< "0FC63DAF-8483-4772-8E79-3D69D8477DE4"; or nullptr
  bool old = false;   ///< a word that desc files had from the beginning

  const char* of(Label label) const;
};

/// By its word or alias; nullptr: unknown.
const PartitionType* find_type(std::string_view word);
/// By its type in tables of a label; the first that fits, nullptr: none.
const PartitionType* find_type(Label label, std::string_view type);

/// Whether a partition of a table is of that word: is_type(Label::gpt, partition.type, "swap").
bool is_type(Label label, std::string_view type, std::string_view word);

}  // namespace ka::storage
