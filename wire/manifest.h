#pragma once
/// What the golden node tells every node before the first byte of data: session kainstall1.
///
/// The server builds a Manifest, the node gets it as JSON and turns it back by parse_manifest, which
/// accepts only a whole and consistent one. File names may be any bytes: in JSON they are escaped
/// (base/text.h, escape_bytes); in these structs they are the bytes themselves.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

namespace ka::wire {

/// One partition of a desc file (wire/desc.h), numbered as Linux numbers it on a DOS (MBR) disk.
struct Partition {
  enum class Kind { primary, extended, logical };

  int number = 0;
  Kind kind = Kind::primary;
  std::uint8_t type = 0x83;               ///< MBR type: 0x83 linux, 0x82 swap, 0x05 extended, …
  std::optional<std::uint64_t> size_mib;  ///< nullopt: fill
  bool bootable = false;
  /// Where it lies on the golden disk, in bytes; both 0 if a desc makes it.
  std::uint64_t golden_start = 0, golden_size = 0;
};

/// Another name that the golden node has for a disk or partition: a link that udev made from its serial number or
/// place. No clone has them; what is called so in its files is looked up here.
struct DeviceLink {
  int partition = 0;  ///< 0: the whole disk
  std::string path;   ///< "/dev/disk/by-id/ata-QEMU_HARDDISK_QM00001-part1"
};

/// The MBR types of an extended partition: CHS, LBA, Linux.
constexpr bool is_extended(std::uint8_t type) { return type == 0x05 || type == 0x0f || type == 0x85; }

/// What lies in front of the table in an MBR, as -m and -M take it: boot code, then the disk identifier and two bytes.
inline constexpr std::size_t boot_record_size = 446;
/// The boot code alone, which is all that a node writes: the identifier is its table's.
inline constexpr std::size_t boot_code_size = 440;

/// One disk of the golden node that the clone gets too.
struct Disk {
  std::string name;               ///< the golden node's kernel name: "sda"
  std::uint64_t golden_size = 0;  ///< bytes
  std::string label = "dos";      ///< partition table: "dos" ("gpt" is reserved and refused by the node)
  std::uint32_t identifier = 0;   ///< MBR disk identifier; kept, since PARTUUID= is made of it
  std::vector<Partition> partitions;
  /// -m/-M: boot_record_size bytes, else empty.
  std::string boot_code;
  std::vector<DeviceLink> links;
};

/// What a clone's ext file system is given of the golden one beside block size, inode size and features. What is empty
/// or 0 is left to mke2fs.
struct ExtSettings {
  std::uint64_t blocks = 0;           ///< of the golden one; what reserved_blocks is a share of
  std::uint64_t reserved_blocks = 0;  ///< may be 0, if `blocks` is not
  std::uint32_t reserved_uid = 0, reserved_gid = 0;
  std::uint32_t cluster_size = 0;            ///< bytes; of bigalloc
  std::uint32_t flex_groups = 0;             ///< block groups that keep their tables together
  std::uint32_t stride = 0, stripe = 0;      ///< blocks; of a RAID
  std::uint32_t journal_mib = 0;             ///< if it is not what mke2fs makes for this size
  std::uint32_t bytes_per_inode = 0;         ///< likewise
  std::string errors;                        ///< "continue", "remount-ro", "panic"
  std::vector<std::string> mount_options;    ///< always on: "acl", "journal_data"; with `blocks`: no others are
  std::string more_mount_options;            ///< tune2fs -E mount_opts=, which takes one
  std::int32_t mounts_between_checks = -1;   ///< -1: any number
  std::uint32_t seconds_between_checks = 0;  ///< 0: any time
  std::string hash, hash_seed;               ///< of names in directories: "half_md4"; a UUID
  std::string encoding;                      ///< of casefold: "utf8-12.1"
  std::vector<std::string> quota_types;      ///< of quota: "usrquota", "grpquota", "prjquota"
};

/// A file system or swap space of the golden node, made anew on the clone under the same UUID.
struct FileSystem {
  std::string disk;         ///< Disk::name
  int partition = 0;        ///< Partition::number
  std::string type;         ///< "ext4", "ext3", "ext2", "swap"
  std::string mount_point;  ///< "/", "/var"; empty for swap and for what was not mounted
  std::string uuid;
  std::string label;
  std::string options;     ///< mount options the data needs while it is written (acl, user_xattr); may be empty
  std::uint64_t used = 0;  ///< bytes in use on the golden node; the clone's must hold them
  std::uint32_t block_size = 0, inode_size = 0;  ///< ext: as on the golden node; 0: mke2fs decides
  std::vector<std::string> features;             ///< ext: feature names on the golden node; empty: mke2fs decides
  std::uint64_t inodes_used = 0;                 ///< the clone's file system must hold as many
  std::uint64_t needed_later = 0;  ///< bytes that the last steps of a clone write there besides: initrd, GRUB, log
  ExtSettings ext;
};

/// A directory whose content was left out (-x, and mount points that are not cloned: /proc, /sys, …).
struct BareDirectory {
  std::string path;  ///< absolute, bytes
  mode_t mode = 0755;
  std::uint32_t uid = 0, gid = 0;
  std::int64_t mtime = 0;  ///< seconds
  std::uint32_t mtime_nsec = 0;
  std::map<std::string, std::string> attributes;  ///< extended ones, with ACLs and SELinux label; bytes
};

/// A UNIX socket: tar leaves them out, so they travel here.
using Socket = BareDirectory;

/// The flags of chattr(1) that a clone's files get too: s u S i a d A j t D T x P c m and C (no copy on write). Not
/// those that a file system sets by itself (extents, an index), nor those that make another kind of file (encryption,
/// verity, names without case): the server refuses these.
inline constexpr std::uint32_t carried_inode_flags = 0x2283'c4ff;

/// Flags and project ids, which tar does not carry, of files and directories that lie in one directory and have the
/// same.
struct InodeFlags {
  std::string directory;           ///< absolute, bytes
  std::vector<std::string> names;  ///< in it; "." for "/" itself
  std::uint32_t flags = 0;         ///< FS_IOC_SETFLAGS: of carried_inode_flags
  std::uint32_t project = 0;
};

/// -D: a partition copied byte for byte in a session of its own.
struct RawPartition {
  std::string disk;
  int partition = 0;
  std::string session;  ///< "kainstall3", …
  std::uint64_t size = 0;
  std::string uuid, label;  ///< of what it holds; empty: none, or unknown
};

struct BootLoader {
  enum class Kind { none, grub, lilo };

  Kind kind = Kind::grub;
  std::string disk;                  ///< Disk::name it goes to; usually the first
  std::vector<std::string> modules;  ///< --with=MODULE of -r: also in the initrd
};

/// A user's own script, run inside the clone after identity and before the boot loader.
struct Hook {
  std::string name;     ///< file name; they run in the order of names
  std::string content;  ///< bytes
};

/// Which disk of a node takes the place of a golden one, where that is not beyond doubt.
struct TargetRule {
  std::string disk;      ///< Disk::name
  std::string selector;  ///< "name:vda", "serial:…", "wwn:…", "path:pci-0000:…"
};

/// A network interface of the golden node: configuration of the clone that is bound to its address is found by it.
struct NetworkCard {
  std::string address;  ///< "52:54:00:12:34:56"
  std::string place;    ///< in the machine: "0000:00:03.0"; empty: no hardware (a bridge, a bond, …)
};

struct Manifest {
  static constexpr int version = 2;

  std::string golden_host;  ///< the golden node's host name
  std::string server_version;
  std::string session = "ka";  ///< operator's name of this clone, for logs
  std::vector<Disk> disks;
  std::vector<FileSystem> file_systems;  ///< in mount order: "/" first
  std::vector<BareDirectory> bare_directories;
  std::vector<Socket> sockets;
  std::vector<InodeFlags> inode_flags;
  std::vector<RawPartition> raw_partitions;
  std::optional<BootLoader> boot_loader;
  std::vector<Hook> hooks;
  std::vector<TargetRule> targets;
  std::vector<NetworkCard> network_cards;
  bool removable_allowed = false;  ///< clone onto removable disks too
  std::string tar_compression;     ///< "zstd": the sessions that follow may be packed with it; empty: they are not
  std::string log_directory = "/var/log/ka";
  bool verify_all = false;            ///< every file is read back from the clone's disk, not only those of /boot
  std::uint32_t step_limit_s = 3600;  ///< how long one step of a clone may take on a node; 0: as long as it likes
  std::vector<std::string> firmware = {"bios"};  ///< what can start the clone: "bios", "uefi"
};

/// Throws Error naming the field that does not go with the rest: a file system on a partition that is not
/// there, two "/" or none, a path with "..", a hook name with "/", sizes that overflow, ….
void check(const Manifest& manifest);

/// Throws as check() does: what a server sends, a node of the same version accepts.
std::string to_json(const Manifest& manifest);

/// Throws Error naming the field: unknown version, a field that is missing or of another type, and as check().
/// Fields it does not know are left alone.
Manifest parse_manifest(std::string_view json);

}  // namespace ka::wire
