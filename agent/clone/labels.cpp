#include "agent/clone/labels.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "base/thread.h"

namespace ka::agent {

namespace {

constexpr const char* attribute = "security.selinux";
constexpr std::size_t most_at_once = 500;  // paths that are the words of one command

// With its final zero, if it has one; "": it has none, or its file system keeps none.
std::string label_of(const std::string& path) {
  char label[4096];
  const ssize_t size = ::lgetxattr(path.c_str(), attribute, label, sizeof label);
  return std::string(label, size > 0 ? static_cast<std::size_t>(size) : 0);
}

bool can_have_label(const std::string& path) {
  return ::lgetxattr(path.c_str(), attribute, nullptr, 0) < 0 && errno == ENODATA;
}

// What is mounted there is not the clone's.
bool is_kernels(const std::string& top) { return top == "proc" || top == "sys" || top == "dev" || top == "run"; }

// Paths in the clone, a directory before what is in it.
std::vector<std::string> without_label(const std::string& root, const Proof& proof) {
  std::vector<std::string> found, todo = {""};
  while (!todo.empty()) {
    const std::string directory = std::move(todo.back());
    todo.pop_back();
    std::unique_ptr<DIR, int (*)(DIR*)> entries(::opendir((root + directory + "/").c_str()), ::closedir);
    if (!entries) throw Error::from_errno("read " + escape_bytes(directory) + "/");
    while (const dirent* entry = ::readdir(entries.get())) {
      const std::string name = entry->d_name, path = directory + "/" + name;
      struct stat status {};
      if (name == "." || name == "..") continue;
      // Longer paths than the kernel takes at once are golden ones.
      if (::fstatat(::dirfd(entries.get()), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
      if (directory.empty() && is_kernels(name)) continue;
      if (S_ISDIR(status.st_mode) && (root + path).size() < PATH_MAX - 2) todo.push_back(path);
      if (proof.is_newer(status) && can_have_label(root + path)) found.push_back(path);
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

// "targeted"; empty: it has no policy.
std::string policy_of(const CloneTree& clone) {
  const std::string config = clone.read("/etc/selinux/config").value_or("");
  for (std::string_view line : split(config, '\n')) {
    constexpr std::string_view name = "SELINUXTYPE=";
    if (line.starts_with(name)) return std::string(trim(line.substr(name.size())));
  }
  return "";
}

Awaitable<void> ask_policy(Work& work, std::vector<std::string> paths) {
  const std::string contexts = "/etc/selinux/" + policy_of(work.clone) + "/contexts/files/file_contexts";
  if (!work.clone.exists(contexts) || !work.clone.has_program("setfiles")) {
    work.log.line(" - WARNING: this clone has SELinux labels, and no setfiles or no " + contexts +
                  ": new files get the labels of their directories");
    co_return;
  }
  try {
    for (std::size_t at = 0; at < paths.size(); at += most_at_once) {
      Command setfiles({"setfiles", contexts});
      const std::size_t end = std::min(paths.size(), at + most_at_once);
      for (std::size_t i = at; i < end; ++i) setfiles.argv.push_back(paths[i]);
      setfiles.root = work.context.target;
      co_await work.machine.run(setfiles);
    }
  } catch (const Error& error) {
    work.log.line(std::string(" - WARNING: new files get the labels of their directories: ") + error.what());
  }
}

}  // namespace

Awaitable<void> label_new_files(Work& work) {
  const std::string& root = work.context.target;
  if (label_of(root).empty()) co_return;
  auto found = std::make_shared<std::vector<std::string>>();  // the thread may outlive this
  auto look = [found, root, proof = work.proof] { *found = without_label(root, *proof); };
  co_await run_beside(work.context.io, std::move(look));
  const std::vector<std::string> paths = *found;
  if (paths.empty()) co_return;
  co_await ask_policy(work, paths);
  for (const std::string& path : paths) {
    if (!can_have_label(root + path)) continue;
    std::string label;
    for (std::string above = path; label.empty();) {
      above.resize(above.rfind('/'));
      label = label_of(root + above);
    }
    work.machine.set_attribute(root + path, attribute, label);
  }
  work.log.line(" - SELinux labels: " + std::to_string(paths.size()) + " new files have theirs");
}

}  // namespace ka::agent
