#pragma once
/// What the rules of contents have in common: each has a UUID and a label, and a file system has files.

#include <bit>
#include <cstdint>
#include <string>

#include "wire/storage/rule.h"

namespace ka::storage {

/// The fields uuid, label and used. Throws as Where::fail.
template <typename Kind>
void check_content(const Where& where, const Kind& content) {
  where.uuid("uuid", content.uuid);
  where.label("label", content.label);
  where.size("used.bytes", content.used.bytes);
  where.size("used.inodes", content.used.inodes);
  where.size("used.later", content.used.later);
}

/// Sizes of blocks, clusters and the like are powers of two within bounds. Throws as Where::fail.
inline void check_power_of_two(const Where& where, const char* field, std::uint32_t value, std::uint32_t least,
                               std::uint32_t most) {
  if (!std::has_single_bit(value) || value < least || value > most)
    where.fail(field, std::to_string(value) + " is impossible");
}

/// Rule::names.
template <typename Kind>
Names content_names(const Storage&, const Node& node) {
  const Kind& content = as<Kind>(node);
  return {.uuid = content.uuid, .label = content.label, .part_uuid = {}, .part_label = {}};
}

}  // namespace ka::storage
