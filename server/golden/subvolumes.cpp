#include "server/golden/subvolumes.h"

#include <fcntl.h>
#include <linux/btrfs.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "base/error.h"
#include "base/text.h"
#include "base/unique_fd.h"

namespace ka::server {

namespace {

constexpr std::uint64_t tree_of_roots = 1, root_directory = 6, first_subvolume = 256, last_subvolume = -256ULL;
constexpr std::uint32_t root_item = 132, root_back_reference = 144, directory_item = 84;

[[noreturn]] void fail(const std::string& why) { throw Error("read the subvolumes of a Btrfs", why); }

std::uint64_t little(std::string_view bytes, std::size_t at, std::size_t size) {
  if (at > bytes.size() || size > bytes.size() - at) fail("an item of its tree is too short");
  std::uint64_t value = 0;
  for (std::size_t i = size; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

std::string text_at(std::string_view bytes, std::size_t at, std::size_t size) {
  if (at > bytes.size() || size > bytes.size() - at) fail("a name in its tree is too short");
  return std::string(bytes.substr(at, size));
}

// Of struct btrfs_root_item. Older kernels write a shorter one, without UUIDs.
void read_root(const TreeItem& item, GoldenSubvolume& subvolume) {
  constexpr std::size_t flags = 208, parent_uuid = 263, uuid_size = 16;
  subvolume.read_only = little(item.content, flags, 8) & 1;
  subvolume.snapshot = item.content.size() >= parent_uuid + uuid_size &&
                       item.content.find_first_not_of('\0', parent_uuid) < parent_uuid + uuid_size;
}

std::vector<TreeItem> search(int fd, std::uint64_t first, std::uint64_t last, std::uint32_t type, std::uint32_t end) {
  std::vector<TreeItem> items;
  btrfs_ioctl_search_args args{};
  btrfs_ioctl_search_key& key = args.key;
  key.tree_id = tree_of_roots;
  key.min_objectid = first;
  key.max_objectid = last;
  key.min_type = type;
  key.max_type = end;
  key.max_offset = key.max_transid = UINT64_MAX;
  for (;;) {
    key.nr_items = UINT32_MAX;
    if (::ioctl(fd, BTRFS_IOC_TREE_SEARCH, &args) != 0) throw Error::from_errno("search the trees of a Btrfs");
    if (key.nr_items == 0) return items;
    std::vector<TreeItem> some = parse_tree_items({args.buf, sizeof args.buf}, key.nr_items);
    const TreeItem& at = some.back();
    // The next key: object, type and offset are one number.
    key.min_objectid = at.object;
    key.min_type = at.type;
    key.min_offset = at.offset + 1;
    const bool end_of_offsets = key.min_offset == 0;
    if (end_of_offsets && ++key.min_type > 255) {
      key.min_type = 0;
      ++key.min_objectid;
    }
    std::move(some.begin(), some.end(), std::back_inserter(items));
    if (key.min_objectid > last) return items;
  }
}

std::string path_of_directory(int fd, std::uint64_t subvolume, std::uint64_t directory) {
  btrfs_ioctl_ino_lookup_args args{};
  args.treeid = subvolume;
  args.objectid = directory;
  if (::ioctl(fd, BTRFS_IOC_INO_LOOKUP, &args) != 0)
    throw Error::from_errno("look up a directory of subvolume " + std::to_string(subvolume));
  return std::string(args.name, ::strnlen(args.name, sizeof args.name));
}

// The item called "default" in the directory of roots.
std::uint64_t default_subvolume(int fd) {
  constexpr std::size_t name_size = 27, name = 30;
  for (const TreeItem& item : search(fd, root_directory, root_directory, directory_item, directory_item))
    if (item.type == directory_item && text_at(item.content, name, little(item.content, name_size, 2)) == "default")
      return little(item.content, 0, 8);
  return top_subvolume;
}

std::string data_profile(int fd) {
  constexpr std::uint64_t data = 1, dup = 32, all_profiles = 0x7f8;
  constexpr std::size_t most = 64;
  std::vector<std::uint64_t> room((sizeof(btrfs_ioctl_space_args) + most * sizeof(btrfs_ioctl_space_info)) / 8 + 1);
  auto* args = reinterpret_cast<btrfs_ioctl_space_args*>(room.data());
  args->space_slots = most;
  if (::ioctl(fd, BTRFS_IOC_SPACE_INFO, args) != 0) throw Error::from_errno("ask a Btrfs for its profiles");
  std::string found;
  std::size_t kinds = 0;
  for (std::size_t i = 0; i < std::min<std::size_t>(args->total_spaces, most); ++i) {
    btrfs_ioctl_space_info info;
    std::memcpy(&info, reinterpret_cast<const char*>(args) + sizeof *args + i * sizeof info, sizeof info);
    if (!(info.flags & data)) continue;
    ++kinds;
    const std::uint64_t profile = info.flags & all_profiles;
    found = profile == 0 ? "single" : profile == dup ? "dup" : "";
  }
  return kinds == 1 ? found : "";
}

}  // namespace

std::vector<TreeItem> parse_tree_items(std::string_view bytes, std::uint32_t count) {
  constexpr std::size_t header = 32;  // struct btrfs_ioctl_search_header: transid, objectid, offset, type, len
  std::vector<TreeItem> items;
  std::size_t at = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    TreeItem item;
    item.object = little(bytes, at + 8, 8);
    item.offset = little(bytes, at + 16, 8);
    item.type = static_cast<std::uint32_t>(little(bytes, at + 24, 4));
    const auto size = static_cast<std::size_t>(little(bytes, at + 28, 4));
    item.content = text_at(bytes, at + header, size);
    at += header + size;
    items.push_back(std::move(item));
  }
  return items;
}

std::vector<GoldenSubvolume> subvolumes_of(const std::vector<TreeItem>& items,
                                           const std::function<std::string(std::uint64_t, std::uint64_t)>& directory) {
  struct Found {
    GoldenSubvolume subvolume;
    std::uint64_t parent = 0;
    std::string name;  // in its parent, with the directories before it
  };
  std::map<std::uint64_t, Found> found;
  for (const TreeItem& item : items) {
    if (item.object < first_subvolume || item.object > last_subvolume) continue;
    if (item.type == root_item) read_root(item, found[item.object].subvolume);
    if (item.type != root_back_reference) continue;
    // One that was deleted has none any more.
    Found& one = found[item.object];
    one.parent = item.offset;
    const std::string name = text_at(item.content, 18, little(item.content, 16, 2));
    if (name.empty() || name.find('/') != std::string::npos) fail("a subvolume has no name");
    one.name = directory(item.offset, little(item.content, 0, 8)) + name;
  }
  std::vector<GoldenSubvolume> all;
  for (const auto& [id, one] : found) {
    if (one.parent == 0) continue;
    GoldenSubvolume subvolume = one.subvolume;
    subvolume.id = id;
    subvolume.path = one.name;
    std::size_t depth = 0;
    std::uint64_t above = one.parent;
    while (above != top_subvolume) {
      auto next = found.find(above);
      if (next == found.end() || next->second.parent == 0) break;
      if (++depth > found.size()) fail("they lie in each other");
      subvolume.path = next->second.name + "/" + subvolume.path;
      above = next->second.parent;
    }
    if (above == top_subvolume) all.push_back(std::move(subvolume));  // else in one that is being deleted
  }
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  return all;
}

Subvolumes read_subvolumes(const std::string& mount_point) {
  UniqueFd fd(::open(mount_point.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) throw Error::from_errno("open " + escape_bytes(mount_point));
  Subvolumes subvolumes;
  auto directory = [&fd](std::uint64_t subvolume, std::uint64_t inode) {
    return path_of_directory(fd.get(), subvolume, inode);
  };
  subvolumes.all =
      subvolumes_of(search(fd.get(), first_subvolume, last_subvolume, root_item, root_back_reference), directory);
  subvolumes.default_id = default_subvolume(fd.get());
  subvolumes.data = data_profile(fd.get());
  return subvolumes;
}

}  // namespace ka::server
