#pragma once
/// Superblocks: their bytes as numbers and texts, and what one has otherwise than another.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "wire/storage/rule.h"

namespace ka::storage {

/// A superblock as it was read. What lies outside of it is an Error, like all that is wrong with it: "XFS superblock:
/// why".
class Superblock {
 public:
  /// `bytes` must outlive it.
  Superblock(std::string_view kind, std::string_view bytes) : kind_(kind), bytes_(bytes) {}

  std::uint64_t little(std::size_t at, std::size_t size) const;
  std::uint64_t big(std::size_t at, std::size_t size) const;
  /// All of these bytes.
  std::string bytes(std::size_t at, std::size_t size) const;
  /// Up to the first NUL.
  std::string text(std::size_t at, std::size_t size) const;
  /// UTF-16 up to the first NUL, as UTF-8; what is none becomes a question mark.
  std::string utf16(std::size_t at, std::size_t size) const;
  /// Four bytes as FAT and exFAT show them: "7A1C-99E2".
  std::string volume_id(std::size_t at) const;
  /// "0f2a2a5c-2a7c-4a53-9f0e-6f0a5f6f0a5f"
  std::string uuid(std::size_t at) const;
  [[noreturn]] void fail(const std::string& why) const;

 private:
  std::string kind_;
  std::string_view bytes_;
};

/// A feature of a kind: the bit that has it in a superblock, and the word that people and programs have for it.
struct FeatureBit {
  std::uint64_t bit;
  const char* word;
};

/// Appends the words of the bits that are set, each once. One that is not known is an Error.
void add_features(std::vector<std::string>& words, std::uint64_t bits, std::span<const FeatureBit> known,
                  const Superblock& superblock);

/// Where UUID and label of a content lie, or nothing is, `values` of `made` that are not those of `meant`: "the
/// inode_size is 256 and not 512". Not compared: how full it is, and what is empty or 0 in `meant`, which is left to
/// the program that makes it.
struct FieldList {
  std::vector<std::pair<const char*, std::string>> fields;

  void operator()(const char* name, const std::string& text) { fields.emplace_back(name, text); }
  void operator()(const char* name, const std::vector<std::string>& list);
  void operator()(const char*, const Usage&) {}
  void operator()(const char*, const std::vector<Subvolume>&) {}  // these come after it
  template <typename Number>
  requires std::is_integral_v<Number>
  void operator()(const char* name, Number number) {
    fields.emplace_back(name, number == 0 ? std::string() : std::to_string(number));
  }
};
std::string differing_fields(const FieldList& meant, const FieldList& made);

template <typename Kind>
std::string differing_fields(const Kind& meant, const Kind& made) {
  FieldList ours, theirs;
  Kind::each(meant, ours);
  Kind::each(made, theirs);
  return differing_fields(ours, theirs);
}

/// Of FAT and exFAT: nothing, or "7A1C-99E2".
bool is_volume_id(std::string_view text);

/// As Rule::difference, of a kind that is the same on every ground.
template <typename Kind>
std::string difference_anywhere(const Node& golden, const Ground&, const Node& made) {
  return differing_fields(as<Kind>(golden), as<Kind>(made));
}

}  // namespace ka::storage
