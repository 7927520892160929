#pragma once
/// Numbers nobody else on the network is likely to draw: transaction ids, tokens, seeds of jitter.

#include <cstdint>

namespace ka {

/// From the kernel's generator, without ever waiting for it to be seeded: a machine that has just started would wait
/// for seconds. Not for keys.
std::uint64_t random_number();

}  // namespace ka
