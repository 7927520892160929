#pragma once
/// The subvolumes of a Btrfs that is mounted here, as its own trees have them: no program is asked, and names may be
/// any bytes. btrfs(5), <linux/btrfs_tree.h>.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace ka::server {

/// The id of what is no subvolume: the top, which holds them all.
inline constexpr std::uint64_t top_subvolume = 5;

struct GoldenSubvolume {
  std::uint64_t id = 0;
  std::string path;  ///< from the top, without a slash in front: "@/.snapshots/1/snapshot"
  bool read_only = false;
  bool snapshot = false;  ///< made as a copy of another one
};

struct Subvolumes {
  std::vector<GoldenSubvolume> all;  ///< by path, so each after those that it lies in
  std::uint64_t default_id = top_subvolume;
  std::string data;  ///< how its data are kept: "single", "dup"; empty: in several ways, or on several devices
};

/// Needs root. Throws Error.
Subvolumes read_subvolumes(const std::string& mount_point);

/// One item of a tree.
struct TreeItem {
  std::uint64_t object = 0, offset = 0;
  std::uint32_t type = 0;
  std::string content;
};

/// What the kernel hands out of a tree (BTRFS_IOC_TREE_SEARCH): `count` items. Throws Error if they are not in `bytes`.
std::vector<TreeItem> parse_tree_items(std::string_view bytes, std::uint32_t count);

/// The subvolumes that the items of the tree of roots tell of. `directory` is the path of a directory of a subvolume
/// within it, with a slash at its end unless it is "". Throws Error on items that are no such, and on subvolumes that
/// lie in each other in a circle.
std::vector<GoldenSubvolume> subvolumes_of(
    const std::vector<TreeItem>& items,
    const std::function<std::string(std::uint64_t subvolume, std::uint64_t directory)>& directory);

}  // namespace ka::server
