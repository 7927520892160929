#include "server/options/installed.h"

#include <unistd.h>

#include <climits>
#include <string_view>

namespace ka::server {

std::string installed(const std::string& what) {
  char buffer[PATH_MAX];
  const ssize_t size = ::readlink("/proc/self/exe", buffer, sizeof buffer);
  const std::string_view program(buffer, size > 0 ? static_cast<std::size_t>(size) : 0);
  const std::string_view folder = program.substr(0, program.rfind('/'));
  for (const std::string_view programs : {"/sbin", "/bin"}) {
    if (!folder.ends_with(programs)) continue;
    return std::string(folder.substr(0, folder.size() - programs.size())) + "/" + what;
  }
  return "/usr/" + what;
}

}  // namespace ka::server
