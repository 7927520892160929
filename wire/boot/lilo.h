#pragma once
/// LILO: lilo.conf(5). Its files are named by their paths in the running system; where their blocks lie is noted when
/// lilo is run, so a map that is older than a kernel starts nothing.

#include "wire/boot/trace.h"

namespace ka::boot {

/// start.file: "/etc/lilo.conf".
void follow_lilo(const Question& question, const Start& start, Trail& trail);

/// lilo.conf with another disk in boot=; all else byte for byte.
std::string with_lilo_boot(std::string_view text, std::string_view device);

}  // namespace ka::boot
