#pragma once
/// Numbers nobody else on the network is likely to draw: transaction ids, tokens, seeds of jitter.

#include <cstdint>
#include <string>

#include "base/secret.h"

namespace ka {

/// From the kernel's generator, without ever waiting for it to be seeded: a machine that has just started would wait
/// for seconds. Not for keys.
std::uint64_t random_number();

/// 128 bits that nobody can guess, as 32 hexadecimal digits: for what is a key. Waits for the kernel's generator to be
/// seeded. Throws Error if there is none.
std::string random_token();

/// 32 bytes for a key, as random_token().
Secret random_secret();

}  // namespace ka
