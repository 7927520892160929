#pragma once
/// How much of this machine's memory a stream may take.

#include <cstdint>

namespace ka::agent {

/// Bytes of a stream this node can hold: an eighth of what is free, 512 MiB at most; the server may ask for less.
std::uint64_t memory_for_stream();

}  // namespace ka::agent
