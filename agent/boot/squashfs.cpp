#include "agent/boot/squashfs.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/error.h"
#include "base/unique_fd.h"

namespace ka::agent {

namespace {

// A read-only loop device over the file; the kernel frees it with its last user. The device must stay open until then.
UniqueFd attach_loop(const std::string& file, std::string& device) {
  const std::string doing = "make a loop device of " + file;
  UniqueFd control(::open("/dev/loop-control", O_RDWR | O_CLOEXEC));
  if (!control.valid()) throw Error::from_errno(doing + ": open /dev/loop-control");
  const int number = ::ioctl(control.get(), LOOP_CTL_GET_FREE);
  if (number < 0) throw Error::from_errno(doing);
  device = "/dev/loop" + std::to_string(number);
  UniqueFd loop(::open(device.c_str(), O_RDONLY | O_CLOEXEC));
  if (!loop.valid()) throw Error::from_errno(doing + ": open " + device);
  UniqueFd backing(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!backing.valid()) throw Error::from_errno(doing);
  loop_config configuration{};
  configuration.fd = static_cast<__u32>(backing.get());
  configuration.info.lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR;
  if (::ioctl(loop.get(), LOOP_CONFIGURE, &configuration) != 0) throw Error::from_errno(doing + " (" + device + ")");
  return loop;
}

}  // namespace

Awaitable<void> mount_squashfs(Machine& machine, Drivers& drivers, std::string file, std::string target) {
  std::vector<std::string> modules{"loop", "squashfs"};
  co_await drivers.load(std::move(modules));
  std::string device;
  const UniqueFd loop = attach_loop(file, device);
  machine.make_directories(target);
  machine.mount(device, target, "squashfs", MS_RDONLY | MS_NODEV | MS_NOATIME, "");
}

}  // namespace ka::agent
