#include "server/golden/golden_tree.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "wire/storage/rule.h"

namespace ka::server {

namespace {

// This process's place; in its own namespace a file system in RAM lies over it.
constexpr const char* work_place = "/run/ka-server";

void mount_or_throw(const char* source, const std::string& target, const char* type, unsigned long flags,
                    const char* data) {
  if (::mount(source, target.c_str(), type, flags, data) != 0)
    throw Error::from_errno("mount " + escape_bytes(source != nullptr ? source : "") + " on " + escape_bytes(target));
}

dev_t device_of(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) throw Error::from_errno("look at " + escape_bytes(path));
  return status.st_dev;
}

void show_again(const std::string& point, const std::string& target) {
  mount_or_throw(point.c_str(), target, nullptr, MS_BIND, nullptr);
  // What is mounted below `point` from now on stays out.
  mount_or_throw(nullptr, target, nullptr, MS_PRIVATE, nullptr);
  mount_or_throw(nullptr, target, nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOATIME | MS_NODIRATIME, nullptr);
  if (device_of(point) != device_of(target))
    throw Error("mount " + escape_bytes(point) + " again", "another file system came up in its place");
}

// Of a file system that is mounted in parts. Its options are those of the mounts that are there.
void show_top(const storage::Storage& storage, const storage::Node& fs, const std::string& target) {
  make_directories(target);
  mount_or_throw(storage::device_path(storage, storage.at(fs.on.front())).c_str(), target, storage::rule(fs).kind,
                 MS_RDONLY | MS_NOATIME | MS_NODIRATIME, "subvol=/");
}

}  // namespace

GoldenTree::GoldenTree(const wire::Manifest& manifest)
    : work_(work_place), root_(work_ + "/golden"), apart_(work_ + "/apart") {
  if (::unshare(CLONE_NEWNS) != 0) throw Error::from_errno("make a mount namespace");
  // What is unmounted outside must not be held here.
  mount_or_throw(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr);
  make_directories(work_, 0700);
  mount_or_throw("ka", work_, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0700");
  make_directories(root_);
  make_directories(apart_);
  for (const wire::Mount& mount : manifest.mounts) {
    const storage::Node& fs = manifest.storage.at(mount.fs);
    if (mount.apart)
      show_top(manifest.storage, fs, apart_ + mount.point);
    else
      show_again(mount.point, mount.point == "/" ? root_ : root_ + mount.point);
  }
}

Command tar_command(const GoldenTree& tree, const wire::Manifest& manifest, const std::vector<std::string>& excluded) {
  std::vector<std::string> argv = {"tar", "--create", "--file=-",
                                   // Nanoseconds, names and sizes of any length. Access and change times cannot be
                                   // restored: they would only cost a header for each file.
                                   "--format=posix", "--pax-option=delete=atime,delete=ctime",
                                   "--blocking-factor=128",  // one write fills a pipe
                                   "--sort=inode",           // the order in which they lie on the disk, roughly
                                   // ACLs are among the extended attributes, there with their numbers. --acls would
                                   // write names, which the node may not know, or know under another number.
                                   "--sparse", "--numeric-owner", "--xattrs", "--xattrs-include=*",
                                   "--warning=no-file-ignored",  // sockets travel in the manifest
                                   "--directory=" + tree.root()};
  if (!excluded.empty()) {
    argv.insert(argv.end(), {"--anchored", "--no-wildcards"});
    for (const std::string& path : excluded) argv.push_back("--exclude=." + path);
  }
  argv.push_back(".");
  for (const wire::Mount& mount : manifest.mounts)
    if (mount.apart) argv.insert(argv.end(), {"--directory=" + tree.apart(), "." + mount.point});
  return Command(std::move(argv));
}

// To /dev/null, tar reads no content.
Command list_command(const GoldenTree& tree, const wire::Manifest& manifest, const std::vector<std::string>& excluded) {
  Command command = tar_command(tree, manifest, excluded);
  for (std::string& word : command.argv)
    if (word == "--file=-") word = "--file=/dev/null";
  command.argv.insert(command.argv.begin() + 1, {"--verbose", "--quoting-style=escape"});
  return command;
}

Awaitable<void> check_tar(asio::io_context& io) {
  Command version({"tar", "--version"});
  std::string text = co_await output_of(io, version);
  if (text.find("GNU tar") == std::string::npos)
    throw Error("tar", "the tar of this machine is not GNU tar; install GNU tar");
  Command empty({"tar", "--create", "--file=/dev/null", "--xattrs", "--files-from=/dev/null"});
  std::string said;
  auto keep = [&said](std::string_view line) { said.append(line).append("\n"); };
  ExitStatus status = co_await run(io, empty, keep);
  // A tar built without one of them warns, and goes on without.
  if (!status.ok() || said.find("not available") != std::string::npos)
    throw Error("tar", "the tar of this machine cannot read extended attributes: " + std::string(trim(said)));
}

}  // namespace ka::server
