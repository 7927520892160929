#pragma once
/// What the golden node tells every node before the first byte of data: session kainstall1.
///
/// The server builds a Manifest, the node gets it as JSON and turns it back by parse_manifest, which
/// accepts only a whole and consistent one. File names may be any bytes: in JSON they are escaped
/// (base/text.h, escape_bytes); in these structs they are the bytes themselves.

#include <cstdint>
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
};

/// A directory whose content was left out (-x, and mount points that are not cloned: /proc, /sys, …).
struct BareDirectory {
  std::string path;  ///< absolute, bytes
  mode_t mode = 0755;
  std::uint32_t uid = 0, gid = 0;
  std::int64_t mtime = 0;  ///< seconds
  std::uint32_t mtime_nsec = 0;
};

/// A UNIX socket: tar leaves them out, so they travel here.
using Socket = BareDirectory;

/// -D: a partition copied byte for byte in a session of its own.
struct RawPartition {
  std::string disk;
  int partition = 0;
  std::string session;  ///< "kainstall3", …
  std::uint64_t size = 0;
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

struct Manifest {
  static constexpr int version = 1;

  std::string golden_host;  ///< the golden node's host name
  std::string server_version;
  std::string session = "ka";  ///< operator's name of this clone, for logs
  std::vector<Disk> disks;
  std::vector<FileSystem> file_systems;  ///< in mount order: "/" first
  std::vector<BareDirectory> bare_directories;
  std::vector<Socket> sockets;
  std::vector<RawPartition> raw_partitions;
  std::optional<BootLoader> boot_loader;
  std::vector<Hook> hooks;
  std::vector<TargetRule> targets;
  bool removable_allowed = false;  ///< clone onto removable disks too
  std::string tar_compression;     ///< "zstd": the sessions that follow may be packed with it; empty: they are not
  std::string log_directory = "/var/log/ka";
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
