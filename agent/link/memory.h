#pragma once
/// How much of this machine's memory a stream may take, and what waits for disks.

#include <cstdint>
#include <string>

namespace ka::agent {

/// Bytes of a stream this node can hold: an eighth of what is free, 512 MiB at most; the server may ask for less.
std::uint64_t memory_for_stream();

/// Bytes that wait in memory to be written to disks, or are on their way there.
std::uint64_t memory_to_write_back(const std::string& procfs);

/// How much may wait there before whoever writes has to wait: of `total` bytes of memory.
std::uint64_t memory_for_writes(std::uint64_t total);

/// All that this machine has.
std::uint64_t memory_in_all();

}  // namespace ka::agent
