#pragma once
/// extlinux, the member of the SYSLINUX family for ext2/3/4, XFS and Btrfs: extlinux.conf as doc/syslinux.txt has it.

#include "wire/boot/trace.h"

namespace ka::boot {

/// start.file: its configuration, which lies beside its ldlinux.sys.
void follow_extlinux(const Question& question, const Start& start, Trail& trail);

}  // namespace ka::boot
