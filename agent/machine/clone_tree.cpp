#include "agent/machine/clone_tree.h"

#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <deque>
#include <optional>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"

namespace ka::agent {

namespace {

constexpr int most_links = 40;  // as the kernel

std::optional<std::string> link_target(const std::string& path) {
  char target[PATH_MAX];
  ssize_t size = ::readlink(path.c_str(), target, sizeof target);
  if (size < 0) return std::nullopt;
  return std::string(target, static_cast<std::size_t>(size));
}

std::string parent_of(const std::string& path) {
  auto slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

// Gives a directory its old time back after something in it was changed.
class KeptTime {
 public:
  KeptTime(Machine& machine, std::string directory) : machine_(machine), directory_(std::move(directory)) {
    if (::stat(directory_.c_str(), &before_) != 0) throw Error::from_errno("look at " + directory_);
  }
  void restore() {
    machine_.set_mtime(directory_, before_.st_mtim.tv_sec, static_cast<std::uint32_t>(before_.st_mtim.tv_nsec));
  }

 private:
  Machine& machine_;
  std::string directory_;
  struct stat before_ {};
};

}  // namespace

std::string CloneTree::outside(const std::string& path, bool follow) const {
  std::deque<std::string> todo;
  auto put_in_front = [&todo](const std::string& text) {
    auto parts = split(text, '/');
    for (auto part = parts.rbegin(); part != parts.rend(); ++part)
      if (!part->empty() && *part != ".") todo.emplace_front(*part);
  };
  put_in_front(path);
  std::string inside;
  int links = 0;
  while (!todo.empty()) {
    std::string part = std::move(todo.front());
    todo.pop_front();
    if (part == "..") {
      inside.resize(inside.empty() ? 0 : inside.rfind('/'));
      continue;
    }
    std::string next = inside + "/" + part;
    bool last = todo.empty();
    auto target = last && !follow ? std::nullopt : link_target(root_ + next);
    if (!target) {
      inside = std::move(next);
      continue;
    }
    if (++links > most_links)
      throw Error("look for " + path + " in " + root_, "its symbolic links go round in circles");
    if (target->substr(0, 1) == "/") inside.clear();
    put_in_front(*target);
  }
  return root_ + (inside.empty() ? "/" : inside);
}

bool CloneTree::exists(const std::string& path) const {
  struct stat status;
  return ::lstat(outside(path, true).c_str(), &status) == 0;
}

bool CloneTree::is_directory(const std::string& path) const {
  struct stat status;
  return ::lstat(outside(path, true).c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

bool CloneTree::is_file(const std::string& path) const {
  struct stat status;
  return ::lstat(outside(path, true).c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

std::optional<std::string> CloneTree::read(const std::string& path) const {
  return read_file_if_any(outside(path, true));
}

std::vector<std::string> CloneTree::list(const std::string& directory) const {
  return list_directory(outside(directory, true));
}

bool CloneTree::has_program(const std::string& name) const {
  for (const char* place : {"/usr/local/sbin/", "/usr/local/bin/", "/usr/sbin/", "/usr/bin/", "/sbin/", "/bin/"}) {
    struct stat status;
    if (::lstat(outside(place + name, true).c_str(), &status) != 0) continue;
    if (S_ISREG(status.st_mode) && (status.st_mode & 0111) != 0) return true;
  }
  return false;
}

void CloneTree::write(const std::string& path, std::string_view content, mode_t mode_if_new) {
  std::string file = outside(path, true), above = parent_of(path);
  if (!is_directory(above)) make_directory(above);
  KeptTime time(machine_, parent_of(file));
  struct stat before;
  bool there = ::lstat(file.c_str(), &before) == 0;
  machine_.write_file(file, content, mode_if_new);
  if (there) machine_.set_mtime(file, before.st_mtim.tv_sec, static_cast<std::uint32_t>(before.st_mtim.tv_nsec));
  time.restore();
}

bool CloneTree::remove(const std::string& path) {
  std::string file = outside(path);
  struct stat before;
  if (::lstat(file.c_str(), &before) != 0) return false;
  KeptTime time(machine_, parent_of(file));
  machine_.remove_file(file);
  time.restore();
  return true;
}

void CloneTree::make_directory(const std::string& path, mode_t mode) {
  if (path.empty() || path == "/" || is_directory(path)) return;
  make_directory(parent_of(path));
  std::string directory = outside(path, true);
  KeptTime time(machine_, parent_of(directory));
  machine_.make_directories(directory, mode);
  time.restore();
}

std::string CloneTree::make_socket(const std::string& path) {
  std::optional<KeptTime> time;
  try {
    const std::string socket = outside(path);
    time.emplace(machine_, parent_of(socket));
    machine_.make_socket(socket);
  } catch (const Error& error) {
    return error.what();
  }
  time->restore();
  return "";
}

}  // namespace ka::agent
