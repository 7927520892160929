#pragma once
/// subvolid= in the clone's text files: its subvolumes have other numbers, and the golden ones' names.

#include <string_view>

#include "agent/machine/rewritten.h"
#include "wire/manifest.h"

namespace ka::agent {

/// In lines that are no comment, of fstab as of kernel command lines: subvolid= goes where subvol= stands beside it,
/// else it becomes that. Which file system is meant is told by a line's first word, else it is that of /. A number that
/// no cloned subvolume has is warned of.
Rewritten without_subvolume_ids(std::string_view text, const wire::Manifest& manifest);

}  // namespace ka::agent
