#pragma once
/// The part of place() that a partition table has.

#include "wire/storage/rule.h"

namespace ka::storage {

/// Places the partitions of `table`. Throws Error if they do not fit.
void place_table(Placing& placing, const Node& table);

}  // namespace ka::storage
