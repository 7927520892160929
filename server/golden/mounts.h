#pragma once
/// What is mounted here: /proc/self/mountinfo, /proc/swaps and /etc/fstab as typed values.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ka::server {

/// One line of mountinfo, proc(5).
struct Mount {
  unsigned id = 0;
  unsigned major = 0, minor = 0;  ///< of the file system; major 0 has no block device of its own
  std::string root;               ///< which of its directories is seen at `point`; "/" for the whole
  std::string point;              ///< bytes
  std::string type;               ///< "ext4"
  std::string source;             ///< "/dev/sda5", "tmpfs", "server:/export"
  std::string options = {};       ///< of the file system: "rw,errors=remount-ro"
};

/// In the order they were mounted. Throws Error on a line that is not mountinfo.
std::vector<Mount> parse_mountinfo(std::string_view text);

struct Swap {
  std::string path;  ///< "/dev/sda1", "/swapfile"
  bool is_file = false;
  std::uint64_t size = 0;  ///< bytes
};

std::vector<Swap> parse_swaps(std::string_view text);

/// One line of fstab(5).
struct FstabEntry {
  std::string spec, point, type;
  std::vector<std::string> options;

  bool has_option(std::string_view name) const;
};

/// Lines with fewer than three fields are left out, as mount(8) does.
std::vector<FstabEntry> parse_fstab(std::string_view text);

}  // namespace ka::server
