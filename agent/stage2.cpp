#include "agent/stage2.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstring>

#include "agent/sink.h"
#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
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

Awaitable<void> Stage2::receive(ServerLink& link, const std::string& session) {
  link.report("waiting for stage2");
  FileSink sink(file);
  ReceiveStats stats;
  try {
    stats = co_await link.receive(session, sink);
  } catch (...) {
    machine_.remove_file(file);
    throw;
  }
  log_.line("Stage2: " + format_size(stats.bytes) + " received");
  co_await mount();
}

Awaitable<void> Stage2::mount() {
  Log::Step step(log_, std::string("Mounting stage2 as ") + root + " ");
  try {
    co_await drivers_.load("loop");
    co_await drivers_.load("squashfs");
    std::string device;
    const UniqueFd loop = attach_loop(file, device);
    make_directories(root);
    machine_.mount(device, root, "squashfs", MS_RDONLY | MS_NODEV | MS_NOATIME, "");
    const std::string inside = root;
    for (const char* folder : {"/dev", "/proc", "/sys", "/run", "/mnt"}) machine_.bind(folder, inside + folder);
    // Not this system's /tmp: stage2 itself is there.
    machine_.mount("tmpfs", inside + "/tmp", "tmpfs", 0, "size=25%,mode=1777");
  } catch (const Error& error) {
    step.failed(error.what());
    throw in_context("mount stage2, as the server sent it", error);
  }
  mounted_ = true;
  step.ok();
}

}  // namespace ka::agent
