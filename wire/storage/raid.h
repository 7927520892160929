#pragma once
/// How the legs of a software RAID share its data: what mdadm is told, and what it then makes of them.

#include <span>
#include <vector>

#include "wire/storage/rule.h"

namespace ka::storage {

/// Bytes of data that each of these legs and spares has room for.
std::vector<std::uint64_t> leg_rooms(const Raid& raid, std::span<const Ground> below);

}  // namespace ka::storage
