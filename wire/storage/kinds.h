#pragma once
/// The entries of the table in rules.cpp, each in a file of its kind's name.

#include "wire/storage/rule.h"

namespace ka::storage {

extern const Rule disk_rule, table_rule, partition_rule, raid_rule, crypt_rule, group_rule, pool_rule, volume_rule,
    ext_rule, fat_rule, xfs_rule, btrfs_rule, jfs_rule, reiserfs_rule, f2fs_rule, exfat_rule, swap_rule, blocks_rule;

/// What mkfs.xfs makes no XFS below, if it is not told that nobody supports it.
inline constexpr std::uint64_t least_xfs = 300 * mib;

}  // namespace ka::storage
