#include "server/logs/log_folder.h"

#include <fcntl.h>

#include "base/error.h"
#include "base/files.h"
#include "server/logs/log_names.h"

namespace ka::server {

LogFolder open_log_folder(const std::string& folder, const std::string& session,
                          const std::function<std::string()>& why_not) {
  make_directories(folder);
  if (const std::string why = why_not(); !why.empty()) throw Error(why);
  LogFolder opened;
  opened.path = fresh_log_folder(folder, session);
  opened.folder.reset(::open(opened.path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!opened.folder.valid()) throw Error::from_errno("open " + opened.path);
  return opened;
}

UniqueFd open_log(int folder, const std::string& name) {
  return UniqueFd(::openat(folder, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
}

}  // namespace ka::server
