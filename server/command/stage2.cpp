#include "server/command/stage2.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/files.h"
#include "base/process.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "server/golden/block_devices.h"
#include "server/golden/mounts.h"
#include "server/options/installed.h"

namespace ka::server {

namespace {

bool is_directory(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

// The superblock of a squashfs: magic "hsqs", and at byte 40 how many bytes belong to it.
std::uint64_t checked_size(const std::string& file) {
  UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) throw Error::from_errno("open stage2 " + file);
  unsigned char block[96] = {};
  if (::pread(fd.get(), block, sizeof block, 0) != sizeof block || std::string(block, block + 4) != "hsqs")
    throw Error("stage2 " + file, "is not a squashfs file");
  std::uint64_t used = 0;
  for (int i = 7; i >= 0; --i) used = used << 8 | block[40 + i];
  off_t size = ::lseek(fd.get(), 0, SEEK_END);
  if (size < 0) throw Error::from_errno("find the size of stage2 " + file);
  if (static_cast<std::uint64_t>(size) < used)
    throw Error("stage2 " + file, "is cut off: " + std::to_string(size) + " bytes of " + std::to_string(used));
  return static_cast<std::uint64_t>(size);
}

// The file behind a mounted squashfs, or its device where the file cannot be reached any more.
std::string image_of_mount(const std::string& point) {
  std::string image;
  for (const Mount& mount : parse_mountinfo(read_file("/proc/self/mountinfo"))) {
    if (mount.point != point || mount.type != "squashfs") continue;
    std::string name(plain_name(mount.source));
    auto backing = read_file_if_any("/sys/block/" + name + "/loop/backing_file");
    auto offset = read_file_if_any("/sys/block/" + name + "/loop/offset");
    std::string file(backing ? trim(*backing) : std::string_view());
    bool whole = offset && trim(*offset) == "0" && ::access(file.c_str(), R_OK) == 0;
    image = whole ? file : "/dev/" + name;
  }
  return image;
}

Awaitable<std::string> pack(asio::io_context& io, std::string folder, std::string work_folder) {
  std::string file = work_folder + "/rescue.sqfs";
  Command command({"mksquashfs", folder, file, "-noappend", "-no-progress", "-quiet", "-comp", "zstd"});
  try {
    co_await run_checked(io, command);
  } catch (const Error& error) {
    throw in_context("pack stage2 from " + folder, error);
  }
  co_return file;
}

void show_again(const std::string& place, const std::string& point) {
  if (::mount(place.c_str(), point.c_str(), nullptr, MS_BIND, nullptr) != 0)
    throw Error::from_errno("mount " + place + " on " + point);
}

// Mounted in the namespace of this process: nobody else sees it, and it ends with it. Its programs run there with its
// own loader and libraries, whatever this machine has.
Awaitable<std::string> show(asio::io_context& io, std::string place, std::string file, std::string work_folder) {
  const std::string point = work_folder + "/stage2";
  try {
    make_directories(point);
    Command mount({"mount", "-t", "squashfs", "-o", "ro,loop", file, point});
    if (is_directory(place))
      show_again(place, point);
    else
      co_await run_checked(io, mount);
    if (is_directory(point + "/dev")) show_again("/dev", point + "/dev");
    co_return point;
  } catch (const Error&) {
    // No loop device, no squashfs in this kernel: the plan says what is not known.
  }
  co_return "";
}

}  // namespace

bool packs_stage2(const std::string& asked) {
  const std::string place = asked.empty() ? stage2_mount : asked;
  return is_directory(place) && image_of_mount(place).empty() && !list_directory(place).empty();
}

Awaitable<Stage2> find_stage2(asio::io_context& io, std::string asked, std::string work_folder) {
  Stage2 found;
  std::string place = asked;
  if (place.empty()) {
    bool at_mount = !image_of_mount(stage2_mount).empty() || !list_directory(stage2_mount).empty();
    place = at_mount ? stage2_mount : installed("lib/ka/rescue.sqfs");
    if (!at_mount && ::access(place.c_str(), F_OK) != 0)
      throw Error("stage2",
                  std::string("there is none at ") + stage2_mount + " and no " + place +
                      "; make it with \"make stage2\", then give it with --stage2 FILE or mount it: mount -o loop "
                      "-t squashfs rescue.sqfs " +
                      stage2_mount);
  }
  found.file = found.from = place;
  if (is_directory(place)) {
    found.file = image_of_mount(place);
    if (found.file.empty())
      found.file = co_await pack(io, place, work_folder);
    else
      found.from += " (" + found.file + ")";
  }
  found.size = checked_size(found.file);
  found.root = co_await show(io, place, found.file, work_folder);
  if (!found.root.empty()) found.makes = read_file_if_any(found.root + "/ka/stage2.json").value_or("");
  co_return found;
}

}  // namespace ka::server
