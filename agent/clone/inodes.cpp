#include "agent/clone/inodes.h"

#include <sys/stat.h>

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

void set_inode_flags(Machine& machine, CloneTree& clone, Log& log, const wire::Manifest& manifest) {
  std::size_t done = 0, gone = 0;
  for (const wire::InodeFlags& group : manifest.inode_flags) {
    const std::string directory = clone.outside(group.directory, true);
    for (const std::string& name : group.names) {
      const std::string path = name == "." ? directory : directory + "/" + name;
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
