#pragma once
/// What a node does with each kind of its storage: one entry in one table (kinds.cpp). Entries return commands, which
/// run in stage2, and run none.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/process.h"
#include "wire/storage/place.h"

namespace ka::agent {

/// What a node of the graph is made on.
struct Below {
  std::string device;  ///< "/dev/sda5"
  storage::Ground ground;
};

/// A node of the graph that is to be made here.
struct Job {
  const storage::Node& node;
  std::string device;      ///< of a content: where it is made, "/dev/sda5"; of a device: what it becomes, "/dev/md0"
  storage::Ground ground;  ///< how large that is
  std::vector<Below> below = {};            ///< in the order of node.on
  std::string host_name = {};               ///< the clone's
  const storage::Storage* graph = nullptr;  ///< all of it
  const storage::Places* places = nullptr;  ///< of all
  Secret passphrase = {};                   ///< of what is encrypted; programs get it by standard input
};

/// What a kind lacks is null.
struct Maker {
  std::vector<std::string> programs = {};  ///< of stage2
  std::size_t longest_label = 255;         ///< bytes
  /// Firmware starts programs that it finds there: they are put in their place last (agent/clone/staged.h).
  bool staged = false;
  /// What a device is called here, by what the (first) one below it is called; null: as that.
  std::string (*device)(const storage::Node&, const std::string& below) = nullptr;
  /// Makes it with the golden UUID, label, features and settings. Of a group its volumes, too, or they make themselves.
  std::vector<Command> (*make)(const Job&) = nullptr;
  /// Of what runs after it was made: ends that, and leaves it whole on the disks.
  std::vector<Command> (*stop)(const Job&) = nullptr;
  /// Of what runs: what it goes on without, of what it was made on ("sdb2"); "" if it is whole.
  std::string (*lost)(const Job&, const std::string& sysfs) = nullptr;
  /// Kernel modules that a clone needs to find it again, by the node and not as a list: a RAID's level has its own.
  std::vector<std::string> (*needed_modules)(const storage::Node&) = nullptr;
  /// What can only be done to it when all files are there and it is unmounted; may be nothing.
  std::vector<Command> (*finish)(const Job&) = nullptr;
  /// Asks the same program whether it would make it so, on a regular file that is not changed.
  Command (*dry_run)(const Job&, const std::string& file) = nullptr;
  /// Looks whether an unmounted file system is clean, and changes nothing.
  Command (*check)(const Job&) = nullptr;
  std::string (*mount_type)(const storage::Node&) = nullptr;
  /// mount(2) data for the time of the copy, or for reading it back; `options` of the manifest's mount.
  std::string (*mount_data)(const storage::Node&, const std::string& options, bool read_only) = nullptr;
  /// Kernel modules that such a mount asks for, beside its file system's own; those built in are no error.
  std::vector<std::string> (*modules)(const std::string& options) = nullptr;
};

const Maker& maker(const storage::Node& node);

/// The modules of the character sets that these mount options name. The mount would ask for them, too, but only once
/// the disk was written.
std::vector<std::string> charset_modules(const std::string& options);

/// Throws Error if a content has not the room for what it is to hold, with its own overhead, or cannot keep its label.
/// `point`: where it is mounted; may be empty.
void check_fit(const storage::Storage& storage, const storage::Node& content, const storage::Ground& ground,
               const std::string& point);

extern const Maker disk_maker, table_maker, partition_maker, raid_maker, crypt_maker, group_maker, pool_maker,
    volume_maker, ext_maker, fat_maker, xfs_maker, btrfs_maker, jfs_maker, reiserfs_maker, f2fs_maker, exfat_maker,
    swap_maker, blocks_maker;

}  // namespace ka::agent
