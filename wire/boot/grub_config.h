#pragma once
/// GRUB 2, from its first grub.cfg to the kernel that it starts by itself. Its script is carried out as far as that
/// decides on this: variables, conditions, functions, grubenv, search, source and configfile, blscfg, menus. Commands
/// that show, load modules or wait are passed over; of those that are not known, only the default entry's matter.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wire/boot/trace.h"

namespace ka::boot {

/// start.file: the grub.cfg that GRUB reads first.
void follow_grub(const Question& question, const Start& start, Trail& trail);

/// GRUB reads its environment as exactly this many bytes.
inline constexpr std::size_t grub_environment_size = 1024;

/// The lines "name=value" of a grubenv; of another size or without its first line it is none, and empty.
std::vector<std::pair<std::string, std::string>> parse_grub_environment(std::string_view bytes);

}  // namespace ka::boot
