#include "server/shelf/tree_difference.h"

#include <fcntl.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "base/extended_attributes.h"
#include "base/text.h"

namespace ka::server {

namespace {

using Kind = TarEntry::Kind;
constexpr std::size_t piece = 1 << 18;

bool is_gone(int code) { return code == ENOENT || code == ENOTDIR || code == ELOOP || code == ESTALE; }

std::optional<Kind> kind_of(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG: return Kind::file;
    case S_IFLNK: return Kind::symbolic_link;
    case S_IFCHR: return Kind::character_device;
    case S_IFBLK: return Kind::block_device;
    case S_IFDIR: return Kind::directory;
    case S_IFIFO: return Kind::fifo;
    default: return std::nullopt;  // a socket, which no archive has
  }
}

std::string link_target(int folder, const std::string& name) {
  std::string target(4096, '\0');
  const ssize_t size = ::readlinkat(folder, name.c_str(), target.data(), target.size());
  target.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
  return target;
}

std::string attribute_word(const std::string& name) {
  if (name.starts_with("system.posix_acl_")) return "acl";
  if (name == "security.capability") return "capabilities";
  return "attributes";
}

}  // namespace

const char* kind_text(Kind kind) {
  switch (kind) {
    case Kind::file:
    case Kind::hard_link: return "file";
    case Kind::symbolic_link: return "link";
    case Kind::character_device:
    case Kind::block_device: return "device";
    case Kind::directory: return "directory";
    case Kind::fifo: return "fifo";
  }
  return "";
}

TreeDifference::TreeDifference(std::vector<TreeRoot> roots, std::vector<std::string> names, bool whole)
    : roots_(std::move(roots)), whole_(whole) {
  for (std::string& name : names) names_.emplace(std::move(name), false);
}

// Paths may be longer than one call takes with a root in front of it.
UniqueFd TreeDifference::open_folder(const std::string& path, std::string& name) const {
  auto has_it = [&](const TreeRoot& one) { return path == one.path || path.starts_with(one.path + "/"); };
  const TreeRoot& root = *std::find_if(roots_.begin(), roots_.end(), has_it);
  const UniqueFd top(::open(root.folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!top.valid()) throw Error::from_errno("open " + root.folder);
  const std::size_t slash = path.rfind('/');
  name = path.size() == 1 ? "." : path.substr(slash + 1);
  return UniqueFd(::openat(top.get(), ("." + path.substr(0, slash + 1)).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
}

void TreeDifference::entry(const TarEntry& entry) {
  entry_ = entry;
  now_.clear();
  file_.reset();
  compared_ = 0;
  std::string name;
  struct stat found {};
  const auto in_tree = names_.find(entry.path);
  if (in_tree != names_.end()) {
    const UniqueFd folder = open_folder(entry.path, name);
    if (folder.valid() && ::fstatat(folder.get(), name.c_str(), &found, AT_SYMLINK_NOFOLLOW) == 0) {
      in_tree->second = true;
      compare(entry, folder.get(), name, found);
      return;
    }
    if (!is_gone(errno)) throw Error::from_errno("look at " + escape_bytes(entry.path));
    names_.erase(in_tree);
  }
  found_[entry.path] = {Difference::Side::image_only, {kind_text(entry.kind)}};
}

void TreeDifference::compare(const TarEntry& entry, int folder, const std::string& name, const struct stat& found) {
  if (entry.kind == Kind::hard_link) {
    compare_link(entry, found);
    return;
  }
  const auto kind = kind_of(found.st_mode);
  if (!kind || *kind != entry.kind) {
    differs("type");
    return;
  }
  if (entry.kind != Kind::symbolic_link && (found.st_mode & 07777) != entry.mode) differs("mode");
  if (found.st_uid != entry.uid || found.st_gid != entry.gid) differs("owner");
  if (entry.kind == Kind::symbolic_link && link_target(folder, name) != entry.target) differs("target");
  if ((entry.kind == Kind::character_device || entry.kind == Kind::block_device) &&
      (major(found.st_rdev) != entry.device_major || minor(found.st_rdev) != entry.device_minor))
    differs("device");
  const auto attributes = read_extended_attributes("/proc/self/fd/" + std::to_string(folder) + "/" + name);
  for (const auto& [key, value] : attributes)
    if (const auto other = entry.attributes.find(key); other == entry.attributes.end() || other->second != value)
      differs(attribute_word(key));
  for (const auto& [key, value] : entry.attributes)
    if (!attributes.count(key)) differs(attribute_word(key));
  if (entry.kind != Kind::file) return;
  if (found.st_nlink > 1 && !linked_.emplace(found.st_dev, found.st_ino).second) differs("links");
  const bool same_time =
      found.st_mtim.tv_sec == entry.mtime && static_cast<std::uint32_t>(found.st_mtim.tv_nsec) == entry.mtime_nsec;
  if (!same_time) differs("time");
  if (static_cast<std::uint64_t>(found.st_size) != entry.size)
    differs("content");
  else if (whole_ || !same_time)
    begin_content(entry, folder, name);
}

// Under the other name it was compared.
void TreeDifference::compare_link(const TarEntry& entry, const struct stat& found) {
  std::string name;
  struct stat other {};
  const UniqueFd folder = names_.count(entry.target) ? open_folder(entry.target, name) : UniqueFd();
  if (!folder.valid() || ::fstatat(folder.get(), name.c_str(), &other, AT_SYMLINK_NOFOLLOW) != 0 ||
      other.st_dev != found.st_dev || other.st_ino != found.st_ino)
    differs("links");
}

void TreeDifference::begin_content(const TarEntry& entry, int folder, const std::string& name) {
  file_.reset(::openat(folder, name.c_str(), O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOATIME | O_CLOEXEC));
  if (!file_.valid() && !is_gone(errno)) throw Error::from_errno("open " + escape_bytes(entry.path));
  if (!file_.valid()) differs("content");
}

// Whatever lies there is zeros.
bool TreeDifference::is_hole(std::uint64_t from, std::uint64_t to) {
  std::string room;
  while (from < to) {
    const off_t data = ::lseek(file_.get(), static_cast<off_t>(from), SEEK_DATA);
    if (data < 0 && errno == ENXIO) return true;
    if (data >= 0) from = static_cast<std::uint64_t>(data);
    if (from >= to) return true;
    room.resize(static_cast<std::size_t>(std::min<std::uint64_t>(piece, to - from)));
    const ssize_t size = ::pread(file_.get(), room.data(), room.size(), static_cast<off_t>(from));
    if (size < 0) throw Error::from_errno("read " + escape_bytes(entry_.path));
    if (size == 0) return true;  // it has become shorter, which its size will tell
    const std::string_view bytes(room.data(), static_cast<std::size_t>(size));
    if (bytes.find_first_not_of('\0') != std::string_view::npos) return false;
    from += bytes.size();
  }
  return true;
}

void TreeDifference::content(std::uint64_t offset, std::string_view bytes) {
  if (!file_.valid()) return;
  bool same = is_hole(compared_, offset);
  compared_ = offset + bytes.size();
  std::string room(bytes.size(), '\0');
  for (std::size_t done = 0; same && done < room.size();) {
    const ssize_t size =
        ::pread(file_.get(), room.data() + done, room.size() - done, static_cast<off_t>(offset + done));
    if (size < 0) throw Error::from_errno("read " + escape_bytes(entry_.path));
    same = size > 0;
    done += static_cast<std::size_t>(size);
  }
  if (same && room == bytes) return;
  differs("content");
  file_.reset();
}

void TreeDifference::entry_ended() {
  if (file_.valid() && !is_hole(compared_, entry_.size)) differs("content");
  file_.reset();
  if (!now_.empty()) found_[entry_.path] = {Difference::Side::both, now_};
}

Differences TreeDifference::take() {
  for (const auto& [path, in_image] : names_) {
    if (in_image) continue;
    std::string name;
    struct stat found {};
    const UniqueFd folder = open_folder(path, name);
    if (!folder.valid() || ::fstatat(folder.get(), name.c_str(), &found, AT_SYMLINK_NOFOLLOW) != 0) {
      if (is_gone(errno)) continue;
      throw Error::from_errno("look at " + escape_bytes(path));
    }
    const auto kind = kind_of(found.st_mode);
    found_[path] = {Difference::Side::tree_only, {kind ? kind_text(*kind) : "socket"}};
  }
  return std::move(found_);
}

}  // namespace ka::server
