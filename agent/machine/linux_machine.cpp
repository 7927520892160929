#include "agent/machine/linux_machine.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstdio>

#include "agent/machine/operator_programs.h"
#include "base/error.h"
#include "base/extended_attributes.h"
#include "base/files.h"
#include "base/thread.h"
#include "wire/manifest.h"

namespace ka::agent {

Awaitable<void> LinuxMachine::run(const Command& command, std::function<void(std::string_view)> line) {
  const Command with_limit = limited(command);
  co_await run_checked(io_, with_limit, std::move(line));
}

Awaitable<std::string> LinuxMachine::output_of(const Command& command) {
  const Command with_limit = limited(command);
  co_return co_await ka::output_of(io_, with_limit);
}

Command LinuxMachine::limited(Command command) const {
  if (command.limit.count() == 0) command.limit = program_limit_;
  return command;
}

std::unique_ptr<Sink> LinuxMachine::command_sink(const Command& command, std::function<void(std::string_view)> line) {
  return std::make_unique<CommandSink>(io_, command, std::move(line));
}

std::unique_ptr<Sink> LinuxMachine::device_sink(const std::string& path, std::uint64_t size) {
  return std::make_unique<FileSink>(io_, open_device_alone(path), path, size);
}

void LinuxMachine::mount(const std::string& source, const std::string& target, const std::string& type,
                         unsigned long flags, const std::string& data) {
  if (::mount(source.c_str(), target.c_str(), type.c_str(), flags, data.empty() ? nullptr : data.c_str()) != 0) {
    throw Error::from_errno("mount " + source + " as " + target + " (" + type + ")");
  }
}

void LinuxMachine::bind(const std::string& source, const std::string& target) {
  if (::mount(source.c_str(), target.c_str(), nullptr, MS_BIND | MS_REC, nullptr) != 0) {
    throw Error::from_errno("bind " + source + " to " + target);
  }
}

void LinuxMachine::watch_writes(const std::string& target, const std::string& device) {
  auto open_for = [](const std::string& path, int flags) {
    auto fd = std::make_shared<UniqueFd>(::open(path.c_str(), O_RDONLY | O_CLOEXEC | flags));
    if (!fd->valid()) throw Error::from_errno("open " + path);
    return fd;
  };
  devices_[device] = open_for(device, 0);
  file_systems_[target] = open_for(target, O_DIRECTORY);
}

Awaitable<void> LinuxMachine::write_back(const std::string& target) {
  const auto found = file_systems_.find(target);
  if (found == file_systems_.end()) throw Error("write " + target + " back to its disk", "it is not watched");
  auto work = [fd = found->second, target] {
    if (::syncfs(fd->get()) != 0) throw Error::from_errno("write " + target + " back to its disk");
  };
  co_await run_beside(io_, std::move(work));
}

Awaitable<void> LinuxMachine::finish_writes(const std::string& device) {
  const auto found = devices_.find(device);
  if (found == devices_.end()) throw Error("write " + device + " back", "it is not watched");
  auto work = [fd = found->second, device] {
    if (::fsync(fd->get()) != 0) throw Error::from_errno("write " + device + " back");
    if (::ioctl(fd->get(), BLKFLSBUF, 0) != 0) throw Error::from_errno("drop what is in memory of " + device);
  };
  co_await run_beside(io_, std::move(work));
}

void LinuxMachine::unmount(const std::string& target) {
  file_systems_.erase(target);  // it would be busy
  const auto try_it = [&target] { return ::umount2(target.c_str(), UMOUNT_NOFOLLOW) == 0 ? 0 : errno; };
  int why = try_it();
  // A shell that stands in there, say. What was killed lets go a moment later, for which there is no event.
  constexpr int tries = 500;
  for (int i = 0; i < tries && why == EBUSY && end_operator_programs(); ++i) {
    ::usleep(10'000);
    why = try_it();
  }
  if (why != 0) throw Error::from_errno("unmount " + target, why);
}

void LinuxMachine::make_directories(const std::string& path, mode_t mode) { ka::make_directories(path, mode); }

// In place: a new file under the old name would be another inode, without links and attributes. A power cut in between
// leaves half a file on a clone that is not finished.
void LinuxMachine::write_file(const std::string& path, std::string_view content, mode_t mode) {
  const int flags = O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;  // a FIFO without a reader is an error at once
  UniqueFd fd(::open(path.c_str(), flags));
  const bool there = fd.valid();
  if (!there && errno == ENOENT) fd.reset(::open(path.c_str(), flags | O_CREAT | O_EXCL, mode));
  if (!fd.valid()) throw Error::from_errno("write " + path);
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) throw Error::from_errno("write " + path);
  if (!S_ISREG(status.st_mode)) throw Error("write " + path, "it is not a regular file");
  const ExtendedAttributes before = there ? read_extended_attributes(path) : ExtendedAttributes();
  if (::ftruncate(fd.get(), 0) != 0) throw Error::from_errno("write " + path);
  write_all(fd.get(), content, path);
  if (!there && ::fchmod(fd.get(), mode) != 0) throw Error::from_errno("chmod " + path);
  // Writing takes setuid and capabilities away, from root too.
  const ExtendedAttributes after = there ? read_extended_attributes(path) : ExtendedAttributes();
  for (const auto& [name, value] : before)
    if (!after.count(name)) set_extended_attribute(path, name, value);
  if (there && ::fchmod(fd.get(), status.st_mode & 07777) != 0) throw Error::from_errno("chmod " + path);
}

void LinuxMachine::remove_file(const std::string& path) {
  if (::remove(path.c_str()) != 0 && errno != ENOENT) throw Error::from_errno("remove " + path);
}

void LinuxMachine::remove_directory(const std::string& path) {
  if (::rmdir(path.c_str()) != 0) throw Error::from_errno("remove " + path);
}

void LinuxMachine::rename(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) throw Error::from_errno("rename " + from);
}

void LinuxMachine::make_socket(const std::string& path) {
  if (::mknod(path.c_str(), S_IFSOCK | 0600, 0) != 0) throw Error::from_errno("make the socket " + path);
}

void LinuxMachine::set_owner(const std::string& path, std::uint32_t uid, std::uint32_t gid) {
  if (::lchown(path.c_str(), uid, gid) != 0) throw Error::from_errno("chown " + path);
}

void LinuxMachine::set_mode(const std::string& path, mode_t mode) {
  // Linux has no lchmod: a symbolic link would change what it points to, perhaps outside of the clone.
  struct stat status;
  if (::lstat(path.c_str(), &status) != 0) throw Error::from_errno("chmod " + path);
  if (S_ISLNK(status.st_mode)) throw Error("chmod " + path, "it is a symbolic link");
  if (::chmod(path.c_str(), mode) != 0) throw Error::from_errno("chmod " + path);
}

void LinuxMachine::set_mtime(const std::string& path, std::int64_t seconds, std::uint32_t nanoseconds) {
  struct timespec times[2] = {};
  times[0].tv_nsec = UTIME_OMIT;
  times[1].tv_sec = static_cast<time_t>(seconds);
  times[1].tv_nsec = static_cast<long>(nanoseconds);
  if (::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0) {
    throw Error::from_errno("set the time of " + path);
  }
}

void LinuxMachine::set_attribute(const std::string& path, const std::string& name, const std::string& value) {
  set_extended_attribute(path, name, value);
}

void LinuxMachine::set_inode_flags(const std::string& path, std::uint32_t flags, std::uint32_t project) {
  const std::string doing = "set the flags of " + path;
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd.valid()) throw Error::from_errno(doing);
  // First the project: of an immutable file it cannot be changed.
  fsxattr attributes{};
  const bool has_project = ::ioctl(fd.get(), FS_IOC_FSGETXATTR, &attributes) == 0;
  if (has_project ? attributes.fsx_projid != project : project != 0) {
    attributes.fsx_projid = project;
    if (::ioctl(fd.get(), FS_IOC_FSSETXATTR, &attributes) != 0)
      throw Error::from_errno("set the project id of " + path);
  }
  unsigned now = 0;  // the kernel takes an int, whatever the header says
  if (::ioctl(fd.get(), FS_IOC_GETFLAGS, &now) != 0) throw Error::from_errno(doing);
  const unsigned wanted = (now & ~wire::carried_inode_flags) | flags;
  if (wanted == now) return;
  // Btrfs takes c for its usual compression, and forgets which one the file has.
  constexpr const char* compression = "btrfs.compression";
  char word[32];
  const ssize_t size = ::fgetxattr(fd.get(), compression, word, sizeof word);
  unsigned first = size > 0 ? wanted & ~static_cast<unsigned>(FS_IMMUTABLE_FL | FS_APPEND_FL) : wanted;
  if (first != now && ::ioctl(fd.get(), FS_IOC_SETFLAGS, &first) != 0) throw Error::from_errno(doing);
  if (size > 0) {
    if (::fsetxattr(fd.get(), compression, word, static_cast<std::size_t>(size), 0) != 0)
      throw Error::from_errno("set the compression of " + path);
    if (wanted != first) {
      if (::ioctl(fd.get(), FS_IOC_FSGETXATTR, &attributes) != 0) throw Error::from_errno(doing);
      if (wanted & FS_IMMUTABLE_FL) attributes.fsx_xflags |= FS_XFLAG_IMMUTABLE;
      if (wanted & FS_APPEND_FL) attributes.fsx_xflags |= FS_XFLAG_APPEND;
      if (::ioctl(fd.get(), FS_IOC_FSSETXATTR, &attributes) != 0) throw Error::from_errno(doing);
    }
  }
  // Btrfs leaves C as it is on a file with content, and says nothing.
  if (::ioctl(fd.get(), FS_IOC_GETFLAGS, &now) != 0) throw Error::from_errno(doing);
  if ((now ^ wanted) & wire::carried_inode_flags) throw Error(doing, "its file system has not taken all of them");
}

const UniqueFd& LinuxMachine::disk(const std::string& path) const {
  auto found = disks_.find(path);
  if (found == disks_.end()) throw Error("use " + path, "it was not opened as a disk of this clone");
  return found->second;
}

DeviceFacts LinuxMachine::claim_disk(const std::string& path) {
  UniqueFd fd = open_device_alone(path);
  DeviceFacts facts = facts_of(fd, path);
  if (auto open = disks_.find(path); open != disks_.end() && facts_of(open->second, path).number() != facts.number())
    throw Error("open " + path + " once more", "the name is another disk's by now");
  disks_[path] = std::move(fd);
  return facts;
}

void LinuxMachine::share_disk(const std::string& path) { disks_[path] = open_device_again(disk(path), path); }

void LinuxMachine::close_disks() noexcept {
  disks_.clear();
  devices_.clear();
}

void LinuxMachine::write_device(const std::string& path, std::uint64_t offset, std::string_view bytes) {
  const std::string doing = "write " + std::to_string(bytes.size()) + " bytes to " + path;
  const int fd = disk(path).get();
  while (!bytes.empty()) {
    const ssize_t size = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) throw Error::from_errno(doing);
    if (size == 0) throw Error(doing, "its end was reached");
    bytes.remove_prefix(static_cast<std::size_t>(size));
    offset += static_cast<std::uint64_t>(size);
  }
  if (::fsync(fd) != 0) throw Error::from_errno(doing);
}

std::string LinuxMachine::read_device(const std::string& path, std::uint64_t offset, std::size_t size) {
  const std::string doing = "read " + std::to_string(size) + " bytes from " + path;
  // A descriptor of a device that is made of others, kept, would keep it from being stopped.
  UniqueFd opened;
  if (!disks_.count(path)) opened.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!disks_.count(path) && !opened.valid()) throw Error::from_errno(doing);
  const int fd = opened.valid() ? opened.get() : disk(path).get();
  // What is in memory proves nothing. (Fails for what is no block device.)
  ::ioctl(fd, BLKFLSBUF, 0);
  std::string bytes(size, '\0');
  for (std::size_t have = 0; have < size;) {
    const ssize_t got = ::pread(fd, bytes.data() + have, size - have, static_cast<off_t>(offset + have));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw Error::from_errno(doing);
    if (got == 0) throw Error(doing, "its end was reached");
    have += static_cast<std::size_t>(got);
  }
  return bytes;
}

void LinuxMachine::reread_partitions(const std::string& path) {
  if (::ioctl(disk(path).get(), BLKRRPART) != 0)
    throw Error::from_errno("have the kernel read the partition table of " + path);
}

}  // namespace ka::agent
