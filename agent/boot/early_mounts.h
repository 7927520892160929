#pragma once
/// The file systems and kernel settings that everything else needs.

#include <string>
#include <vector>

namespace ka::agent {

/// Mounts /proc /sys /dev /dev/pts /run /tmp /mnt (shared, so that what is mounted below is seen inside of stage2 too)
/// and gives this process a console. Returns what failed; never throws.
std::vector<std::string> make_early_mounts();

/// Settings of the kernel that PID 1 of a node depends on: reboot after a panic, modules by this program, few messages
/// on the consoles (`keep_messages`: as the command line has them). Returns what failed.
std::vector<std::string> set_up_kernel(bool keep_messages);

}  // namespace ka::agent
