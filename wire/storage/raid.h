#pragma once
/// How the legs of a software RAID share its data: what mdadm is told, and what it then makes of them.

#include <span>
#include <vector>

#include "wire/storage/rule.h"

namespace ka::storage {

/// Where the data begins on each leg: as on the golden ones, but behind a MiB for the superblock, its bitmap and its
/// list of bad blocks, for which an older mdadm left less than this one takes. 0 of metadata at the end.
std::uint64_t data_offset(const Raid& raid);

/// Does a leg's worth of it tell what another one had? Such an array is synced before it can lose one.
bool has_parity(const Raid& raid);

/// Whether all its data is there without legs in its empty slots.
bool bears_empty_slots(const Raid& raid);

/// Has it parity that is yet to be made? A leg too few and there is nothing that it could tell otherwise.
bool needs_sync(const Raid& raid);

/// Bytes of data that each of these legs and spares has room for.
std::vector<std::uint64_t> leg_rooms(const Raid& raid, std::span<const Ground> below);

}  // namespace ka::storage
