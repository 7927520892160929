#pragma once
/// Where the partitions of a golden disk lie on it. Both sides ask: the server in its plan, the node before it asks to
/// write.

#include <cstdint>
#include <string>
#include <vector>

#include "wire/manifest.h"

namespace ka::wire {

/// Whether a table gave them (golden_start, golden_size), and not a desc.
bool have_places(const std::vector<Partition>& partitions);

/// Throws Error with the names of the two that do not go together: partitions that overlap, a logical one outside of
/// the extended one, a second extended one; and of the one that lies over the table itself or reaches beyond the disk's
/// end.
void check_places(const std::string& disk, const std::vector<Partition>& partitions, std::uint64_t disk_size);

}  // namespace ka::wire
