#include "server/golden/survey.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <set>

#include "base/error.h"
#include "base/extended_attributes.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "server/golden/inode_flags.h"
#include "server/golden/paths.h"

namespace ka::server {

namespace {

constexpr int open_directory = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC;

// What a name gives that was taken away, or replaced by something else, since it was read.
bool is_gone(int code) { return code == ENOENT || code == ENOTDIR || code == ELOOP || code == ESTALE; }

class Walker {
 public:
  Walker(const std::vector<std::string>& mount_points, const std::vector<std::string>& excluded, const Apart& apart)
      : mount_points_(mount_points.begin(), mount_points.end()),
        excluded_(excluded.begin(), excluded.end()),
        unseen_(apart.unseen.begin(), apart.unseen.end()),
        apart_(apart) {
    for (const std::string& point : mount_points) result_.totals[point];
  }

  Survey walk(const std::string& root) {
    walk_from(root, "");
    for (const std::string& point : apart_.mount_points) walk_from(apart_.root + point, point);
    for (const std::string& path : excluded_) {
      if (!met_.count(path)) result_.missing.push_back(path);
    }
    add_hidden_mount_points(root);
    add_problems();
    return std::move(result_);
  }

 private:
  // `path`: of that directory, "" for the root.
  void walk_from(const std::string& directory, const std::string& path) {
    UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    struct stat status {};
    if (!fd.valid() || ::fstat(fd.get(), &status) != 0) throw Error::from_errno("open " + directory);
    Survey::Total* total = &result_.totals[path.empty() ? "/" : path];
    count(status, total);
    keep_flags(fd.get(), "/", path.empty() ? "." : path.substr(1), status, 0);
    enter(std::move(fd), status, path, total);
    while (!stack_.empty()) step();
  }

  // A directory on the way from the root to where the walk is.
  struct Level {
    UniqueFd fd;  // closed while the walk is far below
    dev_t device;
    ino_t inode;
    std::size_t path_size;  // of its path in path_
    Survey::Total* total;
    std::uint32_t handed_down;      // of its flags, those that what is made in it gets
    std::vector<std::string> left;  // directories in it that are still to be walked
  };

  // One of the deepest level's directories, or back to the level above.
  void step() {
    Level& level = stack_.back();
    path_.resize(level.path_size);
    if (level.left.empty()) {
      leave();
      return;
    }
    std::string name = std::move(level.left.back());
    level.left.pop_back();
    UniqueFd fd(::openat(level.fd.get(), name.c_str(), open_directory));
    std::string path = path_ + "/" + name;
    struct stat status {};
    if (!fd.valid() || ::fstat(fd.get(), &status) != 0) {
      if (is_gone(errno)) return;
      throw Error::from_errno("open directory " + escape_bytes(path));
    }
    Survey::Total* total = mount_points_.count(path) ? &result_.totals[path] : level.total;
    if (stack_.size() > most_open) level.fd.reset();
    enter(std::move(fd), status, path, total);
  }

  // `path` is "" for the root, so that names are always joined by one slash.
  void enter(UniqueFd fd, const struct stat& status, const std::string& path, Survey::Total* total) {
    path_ = path;
    const int number = fd.get();
    const std::uint32_t handed_down = inode_state(number).flags & wire::early_inode_flags;
    stack_.push_back({std::move(fd), status.st_dev, status.st_ino, path.size(), total, handed_down, {}});
    UniqueFd copy(::fcntl(number, F_DUPFD_CLOEXEC, 0));
    std::unique_ptr<DIR, int (*)(DIR*)> dir(copy.valid() ? ::fdopendir(copy.get()) : nullptr, ::closedir);
    if (!dir) throw Error::from_errno("read directory " + escape_bytes(path));
    copy.release();  // closedir closes it
    for (;;) {
      errno = 0;
      const dirent* entry = ::readdir(dir.get());
      if (entry == nullptr && errno != 0) throw Error::from_errno("read directory " + escape_bytes(path));
      if (entry == nullptr) return;
      std::string name = entry->d_name;
      if (name != "." && name != "..") visit(number, name, path + "/" + name, total);
    }
  }

  void leave() {
    UniqueFd below = std::move(stack_.back().fd);
    stack_.pop_back();
    if (stack_.empty() || stack_.back().fd.valid()) return;
    Level& level = stack_.back();
    level.fd.reset(::openat(below.get(), "..", open_directory));
    struct stat status {};
    if (!level.fd.valid() || ::fstat(level.fd.get(), &status) != 0 || status.st_dev != level.device ||
        status.st_ino != level.inode)
      throw Error("read directory " + escape_bytes(path_), "it was moved meanwhile; try again");
  }

  void visit(int dir, const std::string& name, const std::string& path, Survey::Total* total) {
    struct stat status {};
    if (unseen_.count(path)) return;
    if (::fstatat(dir, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
      if (is_gone(errno)) return;
      throw Error::from_errno("look at " + escape_bytes(path));
    }
    if (excluded_.count(path)) {
      if (!S_ISDIR(status.st_mode))
        throw Error("-x " + escape_bytes(path),
                    S_ISLNK(status.st_mode) ? "is a symbolic link; name what it points to" : "is not a directory");
      met_.insert(path);
      result_.bare_directories.push_back(describe(dir, name, path, status));
      look_at_flags(dir, name, path, status, /*content_is_cloned=*/false);
      return;
    }
    if (mount_points_.count(path)) total = &result_.totals[path];
    if (!count(status, total)) {
      // Whichever name tar meets first, the file must be made with its flags.
      if (early_links_.count({status.st_dev, status.st_ino})) look_at_flags(dir, name, path, status, false);
      return;
    }
    if (path.size() > longest_path) {
      problem("has a path of more than " + std::to_string(longest_path) + " bytes, which tar cannot unpack", path);
      return;
    }
    if (S_ISSOCK(status.st_mode)) result_.sockets.push_back(describe(dir, name, path, status));
    look_at_flags(dir, name, path, status, /*content_is_cloned=*/true);
    if (S_ISDIR(status.st_mode)) stack_.back().left.push_back(name);
  }

  static wire::BareDirectory describe(int dir, const std::string& name, const std::string& path,
                                      const struct stat& status) {
    wire::BareDirectory inode;
    inode.path = path;
    inode.mode = status.st_mode & 07777;
    inode.uid = status.st_uid;
    inode.gid = status.st_gid;
    inode.mtime = status.st_mtim.tv_sec;
    inode.mtime_nsec = static_cast<std::uint32_t>(status.st_mtim.tv_nsec);
    inode.attributes = read_extended_attributes("/proc/self/fd/" + std::to_string(dir) + "/" + name);
    return inode;
  }

  void look_at_flags(int dir, const std::string& name, const std::string& path, const struct stat& status,
                     bool content_is_cloned) {
    if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) return;
    // A file that another program holds a lease on is not waited for.
    UniqueFd fd(::openat(dir, name.c_str(), O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOATIME | O_CLOEXEC));
    if (!fd.valid()) {
      if (errno == ENOKEY) problem(why_not_cloned(encrypted_inode), path);
      return;  // tar says why, if it meets the same
    }
    std::uint32_t flags =
        keep_flags(fd.get(), path.substr(0, path.size() - name.size()), name, status, stack_.back().handed_down);
    if (const char* why = why_not_cloned(flags); why != nullptr && content_is_cloned) problem(why, path);
  }

  // `directory` may end in a slash; what it hands down counts if this one has not got it. Returns all flags.
  std::uint32_t keep_flags(int fd, std::string_view directory, const std::string& name, const struct stat& status,
                           std::uint32_t handed_down) {
    InodeState state = inode_state(fd);
    const std::uint32_t flags = state.flags & wire::carried_inode_flags;
    if (flags == 0 && state.project == 0 && handed_down == 0) return state.flags;
    const bool is_directory = S_ISDIR(status.st_mode);
    if (!is_directory && status.st_nlink > 1 && ((flags | handed_down) & wire::early_inode_flags))
      early_links_.insert({status.st_dev, status.st_ino});
    if (directory.size() > 1 && directory.back() == '/') directory.remove_suffix(1);
    auto& list = result_.inode_flags;
    // Found side by side, they are often alike: one entry.
    if (list.empty() || list.back().directory != directory || list.back().flags != flags ||
        list.back().project != state.project || list.back().directories != is_directory)
      list.push_back({std::string(directory), {}, flags, state.project, is_directory});
    list.back().names.push_back(name);
    return state.flags;
  }

  void problem(const std::string& why, const std::string& path) {
    auto& [first, more] = problems_[why];
    if (first.empty())
      first = path;
    else
      ++more;
  }

  void add_problems() {
    for (auto& [why, found] : problems_) {
      std::string also = found.second == 0 ? "" : " (and " + std::to_string(found.second) + " more)";
      result_.problems.push_back({found.first, why + also});
    }
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
      UniqueFd above(::open((root + point.substr(0, point.rfind('/')) + "/").c_str(), open_directory & ~O_NOFOLLOW));
      std::string name = point.substr(point.rfind('/') + 1);
      struct stat status {};
      if (!above.valid() || ::fstatat(above.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
        throw Error::from_errno("look at " + escape_bytes(point));
      result_.bare_directories.push_back(describe(above.get(), name, point, status));
    }
  }

  // Deeper directories are opened again on the way back: a process has about a thousand descriptors.
  static constexpr std::size_t most_open = 100;

  const std::set<std::string> mount_points_, excluded_, unseen_;
  const Apart& apart_;
  std::set<std::string> met_;
  std::set<std::pair<dev_t, ino_t>> linked_, early_links_;
  std::vector<Level> stack_;
  std::string path_;                                                     // of the deepest level
  std::map<std::string, std::pair<std::string, std::size_t>> problems_;  // by reason: the first path, how many more
  Survey result_;
};

}  // namespace

Survey survey(const std::string& root, const std::vector<std::string>& mount_points,
              const std::vector<std::string>& excluded, const Apart& apart) {
  return Walker(mount_points, excluded, apart).walk(root);
}

}  // namespace ka::server
