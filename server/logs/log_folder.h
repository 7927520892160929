#pragma once
/// Where the logs of nodes are kept on this machine. Nothing in it is cloned: it grows while the files are read.

#include <functional>
#include <string>

#include "base/unique_fd.h"

namespace ka::server {

inline constexpr const char* log_folder = "/var/log/ka";

/// That of one session.
struct LogFolder {
  std::string path;
  UniqueFd folder;
};

/// Makes `session`'s anew in `folder` (log_names.h), unless `why_not` says why no logs may be kept there. Throws Error.
LogFolder open_log_folder(const std::string& folder, const std::string& session,
                          const std::function<std::string()>& why_not);

/// A log in that open folder, to be read; invalid: there is none. Neither through a link, nor waiting at a FIFO.
UniqueFd open_log(int folder, const std::string& name);

}  // namespace ka::server
