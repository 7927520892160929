#include "agent/machine/block_device.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cerrno>

#include "base/error.h"

namespace ka::agent {

UniqueFd open_device_alone(const std::string& path) {
  const std::string doing = "open " + path + " for writing";
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_EXCL | O_CLOEXEC));
  if (!fd.valid() && errno == EBUSY)
    throw Error(doing, "it is in use: mounted, swap, or held by RAID, LVM or another program");
  if (!fd.valid()) throw Error::from_errno(doing);
  if (facts_of(fd, path).read_only) throw Error(doing, "it is read-only");
  return fd;
}

UniqueFd open_device_again(const UniqueFd& device, const std::string& path) {
  const std::string by_number = "/proc/self/fd/" + std::to_string(device.get());
  UniqueFd fd(::open(by_number.c_str(), O_RDWR | O_CLOEXEC));
  if (!fd.valid()) throw Error::from_errno("open " + path + " once more");
  return fd;
}

DeviceFacts facts_of(const UniqueFd& device, const std::string& path) {
  const std::string doing = "look at " + path;
  struct stat status {};
  if (::fstat(device.get(), &status) != 0) throw Error::from_errno(doing);
  if (!S_ISBLK(status.st_mode)) throw Error(doing, "it is not a block device");
  DeviceFacts facts;
  facts.major = major(status.st_rdev);
  facts.minor = minor(status.st_rdev);
  int sector_size = 0, read_only = 0;
  if (::ioctl(device.get(), BLKGETSIZE64, &facts.size) != 0 || ::ioctl(device.get(), BLKSSZGET, &sector_size) != 0 ||
      ::ioctl(device.get(), BLKROGET, &read_only) != 0)
    throw Error::from_errno(doing);
  facts.sector_size = static_cast<std::uint32_t>(sector_size);
  facts.read_only = read_only != 0;
  return facts;
}

}  // namespace ka::agent
