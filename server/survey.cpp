#include "server/survey.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <set>

#include "base/error.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "server/plan.h"

namespace ka::server {

namespace {

wire::BareDirectory describe(const std::string& path, const struct stat& status) {
  return {path,
          static_cast<mode_t>(status.st_mode & 07777),
          status.st_uid,
          status.st_gid,
          status.st_mtim.tv_sec,
          static_cast<std::uint32_t>(status.st_mtim.tv_nsec)};
}

class Walker {
 public:
  Walker(const std::vector<std::string>& mount_points, const std::vector<std::string>& excluded)
      : mount_points_(mount_points.begin(), mount_points.end()), excluded_(excluded.begin(), excluded.end()) {
    for (const std::string& point : mount_points) result_.totals[point];
  }

  Survey walk(const std::string& root) {
    UniqueFd fd(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    struct stat status {};
    if (!fd.valid() || ::fstat(fd.get(), &status) != 0) throw Error::from_errno("open " + root);
    count(status, &result_.totals["/"]);
    read(std::move(fd), "", &result_.totals["/"]);
    for (const std::string& path : excluded_) {
      if (!met_.count(path)) result_.missing.push_back(path);
    }
    add_hidden_mount_points(root);
    return std::move(result_);
  }

 private:
  // `path` is "" for the root, so that names are always joined by one slash.
  void read(UniqueFd fd, const std::string& path, Survey::Total* total) {
    int number = fd.get();
    std::unique_ptr<DIR, int (*)(DIR*)> dir(::fdopendir(number), ::closedir);
    if (!dir) throw Error::from_errno("read directory " + escape_bytes(path));
    fd.release();  // closedir closes it
    for (;;) {
      errno = 0;
      const dirent* entry = ::readdir(dir.get());
      if (entry == nullptr && errno != 0) throw Error::from_errno("read directory " + escape_bytes(path));
      if (entry == nullptr) return;
      std::string name = entry->d_name;
      if (name != "." && name != "..") visit(number, name, path + "/" + name, total);
    }
  }

  void visit(int dir, const std::string& name, const std::string& path, Survey::Total* total) {
    struct stat status {};
    if (::fstatat(dir, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) return;  // removed meanwhile
      throw Error::from_errno("look at " + escape_bytes(path));
    }
    if (excluded_.count(path)) {
      if (!S_ISDIR(status.st_mode))
        throw Error("-x " + escape_bytes(path),
                    S_ISLNK(status.st_mode) ? "is a symbolic link; name what it points to" : "is not a directory");
      met_.insert(path);
      result_.bare_directories.push_back(describe(path, status));
      return;
    }
    if (mount_points_.count(path)) total = &result_.totals[path];
    if (!count(status, total)) return;
    if (S_ISSOCK(status.st_mode)) result_.sockets.push_back(describe(path, status));
    if (!S_ISDIR(status.st_mode)) return;
    UniqueFd fd(::openat(dir, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC));
    if (!fd.valid() && errno == ENOENT) return;
    if (!fd.valid()) throw Error::from_errno("open directory " + escape_bytes(path));
    read(std::move(fd), path, total);
  }

  // False for a further link to a file that was counted.
  bool count(const struct stat& status, Survey::Total* total) {
    // A header, and another with its extension for the nanoseconds.
    constexpr std::uint64_t headers = 3 * 512;
    result_.stream_bytes += headers;
    if (!S_ISDIR(status.st_mode) && status.st_nlink > 1 && !linked_.insert({status.st_dev, status.st_ino}).second)
      return S_ISSOCK(status.st_mode);
    std::uint64_t on_disk = static_cast<std::uint64_t>(status.st_blocks) * 512;
    total->bytes += on_disk;
    total->inodes += 1;
    if (S_ISREG(status.st_mode)) {
      std::uint64_t size = static_cast<std::uint64_t>(status.st_size);
      result_.stream_bytes += std::min((size + 511) / 512 * 512, std::max<std::uint64_t>(on_disk, size > 0 ? 512 : 0));
    }
    return true;
  }

  // A file system that lies in an excluded directory: its mount point is needed nevertheless.
  void add_hidden_mount_points(const std::string& root) {
    for (const std::string& point : mount_points_) {
      auto inside = [&](const std::string& e) { return point != e && lies_in(point, e); };
      if (std::none_of(excluded_.begin(), excluded_.end(), inside)) continue;
      struct stat status {};
      if (::lstat((root + point).c_str(), &status) != 0) throw Error::from_errno("look at " + escape_bytes(point));
      result_.bare_directories.push_back(describe(point, status));
    }
  }

  const std::set<std::string> mount_points_, excluded_;
  std::set<std::string> met_;
  std::set<std::pair<dev_t, ino_t>> linked_;
  Survey result_;
};

}  // namespace

Survey survey(const std::string& root, const std::vector<std::string>& mount_points,
              const std::vector<std::string>& excluded) {
  return Walker(mount_points, excluded).walk(root);
}

}  // namespace ka::server
