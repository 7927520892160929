#pragma once
/// This machine's UEFI firmware: what it trusts, and its boot entries in NVRAM.

#include <string>
#include <vector>

#include "agent/machine/log.h"
#include "agent/machine/machine.h"
#include "wire/boot/boot_plan.h"
#include "wire/boot/load_option.h"

namespace ka::agent {

/// Asks, without writing anything, whether Secure Boot would let the golden machine's programs start here. `variables`:
/// where efivarfs is mounted. Throws Error in words for the operator if not; what cannot be told is logged.
void check_secure_boot(Log& log, const std::string& variables, const std::vector<boot::Program>& chain);

/// Writes boot entries and where they stand in the order, and reads all back; the first of them starts at the next
/// restart, once. Entries for the same file on a partition of the same identity are replaced, one that is just the same
/// is kept: NVRAM wears out. Returns "", or why there are none now: NVRAM is full, cannot be written, is not there.
std::string write_boot_entries(Machine& machine, Log& log, const std::string& variables,
                               const std::vector<boot::LoadOption>& entries, boot::Order order);

}  // namespace ka::agent
