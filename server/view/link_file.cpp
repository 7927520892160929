#include "server/view/link_file.h"

#include <signal.h>
#include <unistd.h>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"

namespace ka::server {

namespace {

// "/run/ka/web.PID"
const std::string folder = "/run/ka", begin = "web.";

std::string path_of(int process) { return folder + "/" + begin + std::to_string(process); }

}  // namespace

LinkFile::LinkFile(const std::string& link) : path_(path_of(::getpid())) {
  try {
    make_directories(folder);
    write_file(path_, link + "\n", 0600);
  } catch (const Error&) {  // not root
    path_.clear();
  }
}

LinkFile::~LinkFile() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

void remove_link(int process) { ::unlink(path_of(process).c_str()); }

std::vector<std::string> links_here() {
  std::vector<std::string> links;
  for (const std::string& name : list_directory(folder)) {
    if (!name.starts_with(begin)) continue;
    const std::string path = folder + "/" + name;
    const auto pid = parse_unsigned(std::string_view(name).substr(begin.size()));
    if (pid && ::kill(static_cast<pid_t>(*pid), 0) != 0 && errno == ESRCH)
      ::unlink(path.c_str());
    else if (const auto link = read_file_if_any(path, 4096))
      links.emplace_back(trim(*link));
  }
  return links;
}

}  // namespace ka::server
