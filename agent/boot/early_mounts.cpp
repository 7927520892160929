#include "agent/boot/early_mounts.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "agent/link/memory.h"
#include "base/error.h"
#include "base/files.h"

namespace ka::agent {

namespace {

struct EarlyMount {
  const char* type;
  const char* target;
  unsigned long flags;
  const char* options;
};

constexpr EarlyMount early_mounts[] = {
    {"devtmpfs", "/dev", MS_NOSUID, "mode=0755"},
    {"proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr},
    {"sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr},
    {"devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "mode=0620,gid=5,ptmxmode=0666"},
    {"tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777,size=10%"},
    {"tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=0755,size=10%"},
    // Holds stage2, about 30 MB: half of 512 MiB is room enough, and leaves the tools theirs.
    {"tmpfs", "/tmp", MS_NOSUID | MS_NODEV, "mode=1777,size=50%"},
    {"tmpfs", "/mnt", MS_NOSUID | MS_NODEV, "mode=0755,size=1%"},
};

// Programs expect them; udev makes them elsewhere.
constexpr const char* links[][2] = {
    {"/proc/self/fd", "/dev/fd"},
    {"/proc/self/fd/0", "/dev/stdin"},
    {"/proc/self/fd/1", "/dev/stdout"},
    {"/proc/self/fd/2", "/dev/stderr"},
};

// The kernel starts init without these three when the initramfs has no /dev/console; then the next files opened would
// take their numbers.
void open_standard_streams() {
  for (int fd = 0; fd <= 2; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) continue;
    if (::open("/dev/console", O_RDWR | O_NOCTTY) < 0) ::open("/dev/null", O_RDWR);
  }
}

void set(const std::string& path, const std::string& value, std::vector<std::string>& failures) {
  try {
    write_attribute(path, value);
  } catch (const Error& error) {
    failures.emplace_back(error.what());
  }
}

}  // namespace

std::vector<std::string> make_early_mounts() {
  std::vector<std::string> failures;
  for (const EarlyMount& mount : early_mounts) {
    ::mkdir(mount.target, 0755);
    // EBUSY: the kernel mounted it already (CONFIG_DEVTMPFS_MOUNT).
    if (::mount(mount.type, mount.target, mount.type, mount.flags, mount.options) != 0 && errno != EBUSY) {
      failures.push_back(std::string("mount ") + mount.target + ": " + std::strerror(errno));
    }
  }
  open_standard_streams();
  for (const auto& [target, name] : links) {
    if (::symlink(target, name) != 0 && errno != EEXIST) {
      failures.push_back(std::string("make ") + name + ": " + std::strerror(errno));
    }
  }
  if (::mount(nullptr, "/mnt", nullptr, MS_SHARED, nullptr) != 0) {
    failures.push_back(std::string("share /mnt: ") + std::strerror(errno));
  }
  ::mkdir("/mnt/disk", 0755);
  ::mkdir("/run/lock", 0755);
  return failures;
}

std::vector<std::string> set_up_kernel(bool keep_messages) {
  std::vector<std::string> failures;
  set("/proc/sys/kernel/panic", "10", failures);
  // "/init": the kernel runs it as `/init -q -- NAME` when it lacks a file system or a cipher.
  char self[256];
  const ssize_t size = ::readlink("/proc/self/exe", self, sizeof self);
  if (size > 0) set("/proc/sys/kernel/modprobe", std::string(self, static_cast<std::size_t>(size)), failures);
  if (!keep_messages) set("/proc/sys/kernel/printk", "4", failures);  // errors and worse
  // The kernel would let a fifth of all memory wait for the disks: on a machine with much memory and a slow disk,
  // minutes of writing that nobody sees before the end, and writers that are stopped for seconds on the way there.
  const std::uint64_t writes = memory_for_writes(memory_in_all());
  set("/proc/sys/vm/dirty_bytes", std::to_string(writes), failures);
  set("/proc/sys/vm/dirty_background_bytes", std::to_string(writes / 2), failures);
  // Else each program would get as much of a processor as all the others together, however nice it is.
  const std::string grouping = "/proc/sys/kernel/sched_autogroup_enabled";
  if (::access(grouping.c_str(), F_OK) == 0) set(grouping, "0", failures);
  // Ctrl-Alt-Del comes as SIGINT, so that it ends in a line in the log as everything else.
  ::reboot(RB_DISABLE_CAD);
  return failures;
}

}  // namespace ka::agent
