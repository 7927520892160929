#pragma once
/// FAT on another ground: as much of the golden one as fits there.

#include "wire/storage/rule.h"

namespace ka::storage {

/// What is made on this ground. Clusters are never smaller than sectors; where the golden size of them would give fewer
/// than the width takes they get smaller, where it would give more they get larger, at last the entries wider.
/// `clusters` is 0.
Fat fat_on(const Fat& golden, const Ground& ground);

}  // namespace ka::storage
