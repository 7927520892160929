#pragma once
/// exFAT on another ground.

#include "wire/storage/rule.h"

namespace ka::storage {

/// What is made on this ground: clusters are never smaller than sectors, and larger where there would be too many.
Exfat exfat_on(const Exfat& golden, const Ground& ground);

}  // namespace ka::storage
