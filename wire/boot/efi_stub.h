#pragma once
/// A kernel that the firmware starts itself (CONFIG_EFI_STUB), with its command line in the boot entry.

#include "wire/boot/trace.h"

namespace ka::boot {

/// start.file: the kernel; start.arguments: OptionalData of its entry, UTF-16 or ASCII.
void follow_efi_stub(const Question& question, const Start& start, Trail& trail);

}  // namespace ka::boot
