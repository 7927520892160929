#pragma once
/// systemd-boot: loader.conf, the entries of the Boot Loader Specification on the ESP and on XBOOTLDR, and unified
/// kernel images in EFI/Linux. Its menu's order and default as systemd-boot(7) and loader.conf(5) have them.

#include "wire/boot/trace.h"

namespace ka::boot {

/// start.file: loader/loader.conf of the ESP, which may be missing: systemd-boot does without.
void follow_systemd_boot(const Question& question, const Start& start, Trail& trail);

/// fnmatch(3) as loader.conf's "default" needs it: * ? and [abc], without regard to capitals.
bool matches_pattern(std::string_view pattern, std::string_view text);

}  // namespace ka::boot
