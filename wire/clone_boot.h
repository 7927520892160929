#pragma once
/// The boot of a clone, as its manifest and a tree of files have it: the golden machine's before anybody waits, the
/// clone's own at the end.

#include "wire/boot/trace.h"
#include "wire/manifest.h"

namespace ka::wire {

/// What a clone of this manifest starts by; none: nothing of KA's (-r none). Looks for the loader's first file.
std::vector<boot::Start> boot_starts(const Manifest& manifest, const boot::Files& files);

/// Follows one of them through `files`, which are those of the clone, or of the golden machine as far as it is cloned.
boot::Trail trace_boot(const Manifest& manifest, const boot::Files& files, const boot::Start& start);

}  // namespace ka::wire
