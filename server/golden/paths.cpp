#include "server/golden/paths.h"

#include "base/error.h"
#include "base/text.h"

namespace ka::server {

std::string normal_path(const std::string& path) {
  if (path.empty() || path.front() != '/') throw Error("-x " + escape_bytes(path), "is not an absolute path");
  std::string normal;
  for (std::string_view part : split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") throw Error("-x " + escape_bytes(path), "has .. in it");
    normal += "/" + std::string(part);
  }
  if (normal.empty()) throw Error("-x /", "would leave out everything");
  return normal;
}

bool lies_in(std::string_view path, std::string_view folder) {
  if (folder == "/") return true;
  return path.substr(0, folder.size()) == folder && (path.size() == folder.size() || path[folder.size()] == '/');
}

}  // namespace ka::server
