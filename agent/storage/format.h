#pragma once
/// Which file systems a clone can be given, and how: one entry in a table each.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/process.h"
#include "wire/manifest.h"

namespace ka::agent {

/// Programs of stage2 that a file system of this type needs. Throws Error naming the type if it cannot be made.
std::vector<std::string> programs_for(const wire::FileSystem& file_system);

/// Throws Error if `size` bytes cannot hold what the golden one holds, with the file system's own overhead.
void check_fit(const wire::FileSystem& file_system, std::uint64_t size);

/// Makes the file system on `device` with the golden UUID, label, block size, inode size and features.
Command format_command(const wire::FileSystem& file_system, const std::string& device, std::uint64_t size);

/// Gives the file system just made the golden settings that its maker cannot: reserved blocks, errors, mount options.
/// nullopt: there are none.
std::optional<Command> tune_command(const wire::FileSystem& file_system, const std::string& device, std::uint64_t size);

/// Asks the same program whether it would make it so, on a regular file that is not changed. nullopt: the
/// program has no such question.
std::optional<Command> dry_run_command(const wire::FileSystem& file_system, const std::string& file,
                                       std::uint64_t size);

/// Looks whether an unmounted file system is clean, and changes nothing. nullopt for swap.
std::optional<Command> check_command(const wire::FileSystem& file_system, const std::string& device);

/// mount(2) data for the time of the copy.
std::string mount_data(const wire::FileSystem& file_system);

}  // namespace ka::agent
