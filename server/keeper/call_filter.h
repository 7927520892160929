#pragma once
/// The system calls that the process with the network may make, as a filter of the kernel's (seccomp(2)): a table here,
/// made into a program of classic BPF. libseccomp would say the same in more code than this, and there is none for
/// musl.

#include <string>

namespace ka::server {

/// From now on, for this process and its children. A call that is not on the list ends the process with SIGSYS, after
/// a line on standard error that names it; what libraries only try gets EPERM. Needs PR_SET_NO_NEW_PRIVS. Returns why
/// it cannot be had; empty: it is.
std::string filter_calls();

}  // namespace ka::server
