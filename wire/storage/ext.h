#pragma once
/// The arithmetic of ext file systems: what mke2fs decides by itself.

#include <cstdint>
#include <string_view>

#include "wire/storage/rule.h"

namespace ka::storage {

/// "ext2", "ext3", "ext4".
bool is_ext(std::string_view type);

/// Set and cleared by the kernel or e2fsck as things happen; mke2fs knows no such feature.
bool is_ext_state(std::string_view feature);

/// Blocks of journal that mke2fs makes in a file system of so many blocks.
std::uint64_t default_ext_journal(std::uint64_t blocks);

/// Inodes that mke2fs makes in so many bytes, roughly.
std::uint64_t default_ext_inodes(std::uint64_t bytes);

/// It, as it is made on this ground: no block is smaller than a sector.
Ext ext_on(const Ext& golden, const Ground& ground);

/// Inodes that the clone's file system is given on `size` bytes; 0: mke2fs decides.
std::uint64_t ext_inodes(const Ext& ext, std::uint64_t size);

}  // namespace ka::storage
