#pragma once
/// Processes that a program started and did not end.

#include <string>
#include <vector>

#include <sys/types.h>

namespace ka {

/// Kills what runs in the session of a program that has ended and, where this process is PID 1, whatever was orphaned
/// and has a session of its own: a daemon that the program started. `thoroughly`: look for them even if the program's
/// process group is empty. Returns them as "sleep (process 123)".
std::vector<std::string> end_left_behind(pid_t session, bool thoroughly);

}  // namespace ka
