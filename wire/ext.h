#pragma once
/// The arithmetic of ext file systems: what mke2fs decides by itself, and how much room one needs. The server asks for
/// the sizes of its own partitions, a node for those of its disk.

#include <cstdint>

#include "wire/manifest.h"

namespace ka::wire {

bool is_ext(std::string_view type);

/// Blocks of journal that mke2fs makes in a file system of so many blocks.
std::uint64_t default_ext_journal(std::uint64_t blocks);

/// Inodes that mke2fs makes in so many bytes, roughly.
std::uint64_t default_ext_inodes(std::uint64_t bytes);

/// Inodes that the clone's file system is given on `size` bytes; 0: mke2fs decides.
std::uint64_t ext_inodes(const FileSystem& file_system, std::uint64_t size);

/// Bytes that a partition must have to hold what the golden file system holds and what the end of a clone adds, if it
/// is one of `size` bytes: the tables grow with it.
std::uint64_t ext_need(const FileSystem& file_system, std::uint64_t size);

}  // namespace ka::wire
