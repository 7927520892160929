#include "server/golden/inode_flags.h"

#include <linux/fs.h>
#include <sys/ioctl.h>

namespace ka::server {

namespace {

// <linux/fs.h> of older kernels lacks it.
constexpr std::uint32_t verity = 0x100000;

}  // namespace

InodeState inode_state(int fd) {
  InodeState state;
  unsigned flags = 0;  // the kernel writes an int, whatever the header says
  if (::ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0) state.flags = flags;
  fsxattr attributes{};
  if (::ioctl(fd, FS_IOC_FSGETXATTR, &attributes) == 0) state.project = attributes.fsx_projid;
  return state;
}

const char* why_not_cloned(std::uint32_t flags) {
  if (flags & encrypted_inode) return "is encrypted (fscrypt): its content would arrive readable, or not at all";
  if (flags & verity) return "is protected by fs-verity, which a copy would not be";
  return nullptr;
}

}  // namespace ka::server
