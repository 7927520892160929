#pragma once
/// What a process gives up for good before it listens to the network: its user, groups and capabilities, the sight of
/// this machine's files, and the system calls that it has no use for (call_filter.h).

#include <sys/types.h>

#include <string>
#include <vector>

namespace ka::server {

/// Whom it becomes.
struct NetworkUser {
  std::string name;  ///< empty: it stays who it is, since it is not root
  uid_t uid = 0;
  gid_t gid = 0;
};

/// The user ka, which the package makes; where there is none, nobody.
NetworkUser network_user();

struct Seclusion {
  NetworkUser user;
  std::vector<std::string> folders;  ///< that stay visible, at their places, and cannot be written to by these
};

/// Gives all of it up. Returns what could not be had, in words; what must be had throws Error.
std::vector<std::string> seclude(const Seclusion& what);

}  // namespace ka::server
