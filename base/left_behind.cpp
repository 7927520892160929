#include "base/left_behind.h"

#include <signal.h>
#include <unistd.h>

#include <optional>

#include "base/files.h"
#include "base/process.h"
#include "base/text.h"

namespace ka {

namespace {

struct Entry {
  std::string name;
  char state = 0;
  pid_t parent = 0, session = 0;
};

// /proc/PID/stat: "PID (NAME) STATE PARENT GROUP SESSION …"; the name may hold anything.
std::optional<Entry> look_at(const std::string& pid) {
  const std::string text = read_file_if_any("/proc/" + pid + "/stat").value_or("");
  const std::size_t begin = text.find('('), end = text.rfind(')');
  if (begin == std::string::npos || end == std::string::npos) return std::nullopt;
  const auto fields = words(std::string_view(text).substr(end + 1));
  if (fields.size() < 4) return std::nullopt;
  Entry entry;
  entry.name = text.substr(begin + 1, end - begin - 1);
  entry.state = fields[0][0];
  entry.parent = static_cast<pid_t>(parse_unsigned(fields[1]).value_or(0));
  entry.session = static_cast<pid_t>(parse_unsigned(fields[3]).value_or(0));
  return entry;
}

}  // namespace

std::vector<std::string> end_left_behind(pid_t session, bool thoroughly) {
  std::vector<std::string> ended;
  if (!thoroughly && ::kill(-session, 0) != 0) return ended;
  const pid_t self = ::getpid(), own_session = ::getsid(0);
  for (const std::string& name : list_directory("/proc")) {
    const auto pid = static_cast<pid_t>(parse_unsigned(name).value_or(0));
    if (pid <= 1 || pid == self) continue;
    const auto entry = look_at(name);
    if (!entry || entry->state == 'Z' || entry->state == 'X') continue;
    const bool orphan = self == 1 && entry->parent == self && entry->session != own_session && !is_running_child(pid);
    if (entry->session != session && !orphan) continue;
    if (::kill(pid, SIGKILL) == 0) ended.push_back(entry->name + " (process " + name + ")");
  }
  return ended;
}

}  // namespace ka
