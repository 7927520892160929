#pragma once
/// The files of a clone's EFI system partition: they came with all others; what may lack is added.

#include <string>

#include "agent/machine/clone_tree.h"
#include "agent/machine/log.h"
#include "wire/boot/boot_plan.h"

namespace ka::agent {

/// \EFI\BOOT\BOOTX64.EFI, which firmware starts that knows no entry, made of the golden chain where it is not there and
/// would start. `point`: where the partition is mounted in the clone. Throws Error.
void add_removable_path(CloneTree& clone, Log& log, const std::string& point, const boot::UefiWay& way);

/// Where NVRAM holds no entry, shim's fallback program beside that file would write one and restart, for ever on some
/// firmware: it is renamed, and what shim starts then is put beside it. `top`: what is to be the top of the partition;
/// `point`: as above.
void start_without_fallback(Machine& machine, Log& log, const std::string& top, const std::string& point,
                            const boot::UefiWay& way);

/// The programs below `top` are the golden ones, and \EFI\BOOT\BOOTX64.EFI is there if the clone can start by it.
/// Throws Error naming what is not.
void check_programs(const std::string& top, const std::string& point, const boot::UefiWay& way);

}  // namespace ka::agent
