#pragma once
/// What a process that was forked off leaves open of what its parent had.

#include <vector>

namespace ka {

/// Closes all descriptors but these; those below 0 are none.
void close_all_but(std::vector<int> kept);

}  // namespace ka
