#pragma once

#include <string>

namespace ka::agent {

/// Boot code (storage::boot_code_size bytes) for a disk that is not a whole clone yet: says so on the screen and gives
/// the machine back to its BIOS (INT 18h), which goes on with the next boot device: PXE.
const std::string& unfinished_boot_code();

}  // namespace ka::agent
