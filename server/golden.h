#pragma once
/// What this machine, the golden node, is made of. Gathered once, by the system's own tools; server/plan.h decides
/// on it without looking at the machine again.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/asio.h"
#include "base/network_cards.h"
#include "server/block_devices.h"
#include "server/mounts.h"
#include "server/partition_table.h"

namespace ka::server {

/// What blkid finds on a partition.
struct Probe {
  std::string type;  ///< "ext4", "swap"; empty: nothing known
  std::string uuid, label;
};

/// What dumpe2fs says of an ext2/3/4 file system.
struct ExtGeometry {
  std::uint32_t block_size = 0, inode_size = 0;
  std::vector<std::string> features;
};

/// How full a mounted file system is.
struct Usage {
  std::uint64_t bytes = 0, inodes = 0;
};

struct Golden {
  std::string host_name;
  std::vector<NetworkCard> network_cards;
  std::vector<BlockDevice> devices;
  std::vector<Mount> mounts;  ///< those that can be seen: not under another mount
  std::vector<Swap> swaps;
  std::vector<FstabEntry> fstab;
  std::map<std::string, PartitionTable> tables;  ///< by drive; none: no table, see table_errors
  std::map<std::string, std::string> table_errors;
  std::map<std::string, Probe> probes;     ///< by partition
  std::map<std::string, ExtGeometry> ext;  ///< by partition
  std::map<std::string, Usage> usage;      ///< by mount point
  bool uefi = false;                       ///< booted by UEFI
  std::vector<std::string> boot_loaders;   ///< programs found: "grub-install", "lilo"
  bool has_grub_configuration = false;
};

/// Looks at this machine. `drives` are looked at too if they are not plain drives (a loop device named by -p).
/// Needs root. Throws Error naming the tool that is missing or fails.
Awaitable<Golden> inspect(asio::io_context& io, std::vector<std::string> drives);

/// `blkid -p -o udev`. Values come out as bytes.
Probe parse_blkid(std::string_view text);

/// `dumpe2fs -h`. Throws Error when one of the three is not in it.
ExtGeometry parse_dumpe2fs(std::string_view text);

}  // namespace ka::server
