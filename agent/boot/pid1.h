#pragma once
/// PID 1: what the kernel starts first, and what must not end.

namespace ka::agent {

/// Makes this process the init of the machine: mounts, consoles, orphans, signals; runs a Node; and reboots, whatever
/// happens, after a reason on the console and a count-down.
[[noreturn]] void run_as_pid1();

}  // namespace ka::agent
