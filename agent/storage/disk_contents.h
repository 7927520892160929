#pragma once
/// What is on a disk before it is written to, in words for the operator who is asked.

#include <string>

#include "agent/machine/machine.h"
#include "base/asio.h"

namespace ka::agent {

/// "1 ext4 'data', 2 swap, 3 of no known kind"; "xfs on the whole disk"; "nothing that is known"; or why it cannot be
/// told: never a reason to fail. By lsblk of stage2, which only reads.
Awaitable<std::string> contents_of(Machine& machine, std::string stage2_root, std::string disk);

/// The same from what lsblk printed. Throws Error if it is not that.
std::string contents_in_words(std::string_view lsblk_json);

}  // namespace ka::agent
