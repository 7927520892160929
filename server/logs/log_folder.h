#pragma once
/// Where the logs of nodes are kept on this machine. Nothing in it is cloned: it grows while the files are read.

namespace ka::server {

inline constexpr const char* log_folder = "/var/log/ka";

}  // namespace ka::server
