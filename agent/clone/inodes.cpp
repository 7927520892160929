#include "agent/clone/inodes.h"

#include <sys/stat.h>

#include <set>

#include "base/error.h"
#include "base/text.h"

namespace ka::agent {

namespace {

void take_after(Machine& machine, const std::string& path, const wire::BareDirectory& golden) {
  machine.set_owner(path, golden.uid, golden.gid);
  machine.set_mode(path, golden.mode);
  for (const auto& [name, value] : golden.attributes) machine.set_attribute(path, name, value);
  machine.set_mtime(path, golden.mtime, golden.mtime_nsec);
}

// A regular file or directory, and no link that leads elsewhere?
bool can_have_flags(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 && (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode));
}

// The time of a file that was made early, until tar gives it another. No clock writes it.
constexpr struct timespec unwritten = {1, 23};

// Those that have an early flag, or lie in a directory that has.
template <typename Do>
void for_each_early(const CloneTree& clone, const wire::Manifest& manifest, Do&& act) {
  std::set<std::string> handing_down;  // directories
  for (const wire::InodeFlags& group : manifest.inode_flags) {
    const bool early = group.flags & wire::early_inode_flags;
    if (!early && !handing_down.count(group.directory)) continue;
    const std::string directory = group.directory == "/" ? "" : group.directory;
    for (const std::string& name : group.names) {
      const std::string path = name == "." ? "/" : directory + "/" + name;
      act(clone.root() + path, group);
      if (early && group.directories) handing_down.insert(path);
    }
  }
}

}  // namespace

void make_bare_inodes(Machine& machine, CloneTree& clone, Log& log, const wire::Manifest& manifest) {
  log.line("Creating excluded directories");
  for (const wire::BareDirectory& d : manifest.bare_directories) {
    clone.make_directory(d.path, d.mode);
    take_after(machine, clone.outside(d.path), d);
  }
  for (const wire::Socket& s : manifest.sockets) {
    std::string why = clone.make_socket(s.path);
    if (!why.empty()) {
      log.line(" - WARNING: the socket " + escape_bytes(s.path) + " is left out: " + why);
      continue;
    }
    try {
      take_after(machine, clone.outside(s.path), s);
    } catch (const Error& error) {
      log.line(" - WARNING: the socket " + escape_bytes(s.path) + " is not as the golden node's: " + error.what());
    }
  }
  clone.make_directory("/proc", 0555);
  clone.make_directory("/sys", 0555);
  clone.make_directory("/dev");
  clone.make_directory("/run");
}

std::size_t make_early_inodes(Machine& machine, CloneTree& clone, const wire::Manifest& manifest) {
  std::size_t files = 0;
  for_each_early(clone, manifest, [&](const std::string& path, const wire::InodeFlags& group) {
    if (group.directories) {
      machine.make_directories(path);
    } else {
      machine.make_directories(path.substr(0, path.rfind('/')));
      machine.write_file(path, "", 0600);
      ++files;
    }
    machine.set_inode_flags(path, group.flags & wire::early_inode_flags, 0);
    if (!group.directories) machine.set_mtime(path, unwritten.tv_sec, unwritten.tv_nsec);
  });
  return files;
}

void remove_unwritten(Machine& machine, CloneTree& clone, const wire::Manifest& manifest) {
  for_each_early(clone, manifest, [&](const std::string& path, const wire::InodeFlags& group) {
    struct stat status {};
    if (group.directories || ::lstat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return;
    if (status.st_size == 0 && status.st_mtim.tv_sec == unwritten.tv_sec && status.st_mtim.tv_nsec == unwritten.tv_nsec)
      machine.remove_file(path);
  });
}

void set_inode_flags(Machine& machine, CloneTree& clone, Log& log, const wire::Manifest& manifest, bool apart) {
  std::size_t done = 0, gone = 0;
  for (const wire::InodeFlags& group : manifest.inode_flags) {
    const std::string directory = clone.outside(group.directory, true);
    for (const std::string& name : group.names) {
      const std::string path = name == "." ? directory : directory + "/" + name;
      const std::string here = (group.directory == "/" ? "" : group.directory) + "/" + name;
      if (here.starts_with(wire::apart_place) != apart) continue;
      if (!can_have_flags(path)) {
        ++gone;
        continue;
      }
      machine.set_inode_flags(path, group.flags, group.project);
      ++done;
    }
  }
  if (done + gone == 0) return;
  log.line(" - Flags or project ids of " + std::to_string(done) + " files set" +
           (gone == 0 ? "" : "; " + std::to_string(gone) + " of them are not there any more"));
}

}  // namespace ka::agent
