#pragma once
/// What a machine keeps its data on: one list of nodes, each after those that it stands on. The server reads it from
/// the golden machine and cuts out what is cloned; a node puts its own disks under it and makes it, bottom up.
///
/// What is done with a kind differs per side and is no member: wire/storage/rule.h has what both sides must answer
/// alike, a table of each side's the rest. All sizes and places are bytes.

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace ka::storage {

/// The golden machine's own word: "sda", "sda:gpt", "sda1", "sda1:fs"; "md0", "vg0", "vg0/root", "vg0/root:fs",
/// "sda3_crypt".
using Id = std::string;

/// How large a device is that a group hands out.
struct Size {
  std::uint64_t bytes = 0;  ///< on the golden machine, or of a desc; of a desc's fill 0
  bool fill = false;        ///< takes what is left
  bool shrinks = false;     ///< may be made smaller, down to what is used and a tenth

  bool operator==(const Size&) const = default;
  template <typename Self, typename F>
  static void each(Self& s, F& f) {
    f("bytes", s.bytes), f("fill", s.fill), f("shrinks", s.shrinks);
  }
};

/// How full a file system is, and what the last steps of a clone write there besides: initrd, GRUB, log.
struct Usage {
  std::uint64_t bytes = 0, inodes = 0, later = 0;

  bool operator==(const Usage&) const = default;
  template <typename Self, typename F>
  static void each(Self& s, F& f) {
    f("bytes", s.bytes), f("inodes", s.inodes), f("later", s.later);
  }
};

// Devices: one thing stands on each.

/// The only kind that stands on nothing.
struct Disk {
  std::uint64_t bytes = 0;
  std::uint32_t sector = 512;  ///< logical
  std::string boot_code;       ///< -m/-M: boot_record_size bytes, else empty

  bool operator==(const Disk&) const = default;
  template <typename Self, typename F>
  static void each(Self& s, F& f) {
    f("bytes", s.bytes), f("sector", s.sector), f("boot_code", s.boot_code);
  }
};

/// What lies in front of the table in an MBR, as -m and -M take it: boot code, then the disk identifier and two bytes.
inline constexpr std::size_t boot_record_size = 446;
/// The boot code alone, which is all that a node writes: the identifier is its table's.
inline constexpr std::size_t boot_code_size = 440;

enum class Role { plain, extended, logical };
inline constexpr const char* role_names[] = {"plain", "extended", "logical"};
constexpr const auto& names_of(Role) { return role_names; }

struct Partition {
  int number = 0;
  Role role = Role::plain;       ///< of a GPT always plain
  std::string type;              ///< of a DOS table hexadecimal: "83", "c"; of a GPT the GUID, in capitals
  std::string guid, name;        ///< of a GPT; an empty GUID: a new one
  std::uint64_t attributes = 0;  ///< of a GPT: bit 0 needed by the platform, bit 2 legacy boot, …
  std::uint64_t start = 0;       ///< on the golden disk; 0: a desc makes it
  bool active = false;           ///< of a DOS table
  Size size;

  bool operator==(const Partition&) const = default;
  template <typename Self, typename F>
  static void each(Self& s, F& f) {
    f("number", s.number), f("role", s.role), f("type", s.type), f("guid", s.guid), f("name", s.name),
        f("attributes", s.attributes), f("start", s.start), f("active", s.active), f("size", s.size);
  }
};

/// A software RAID of the kernel's, md(4). Stands on its legs in the order of their slots, then on its spares.
struct Raid {
  std::string level;         ///< as the kernel calls it: "linear", "raid0", "raid1", "raid10", …
  std::string metadata;      ///< "0.90", "1.0", "1.1", "1.2"
  std::string uuid;          ///< as mdadm has it: "3aaa0122:29827cfa:5331ad66:ca767371"
  std::string name;          ///< without the home host; of 0.90 empty
  std::string layout;        ///< mdadm's word: "left-symmetric", "n2"; empty: its level has none
  std::uint64_t chunk = 0;   ///< bytes; 0: its level has none
  std::uint64_t offset = 0;  ///< where the data begins on each leg; 0 of 0.90 and 1.0
  std::uint32_t slots = 0;   ///< legs that hold data
  bool bitmap = false;       ///< a write-intent bitmap, on the legs
  std::uint64_t bytes = 0;   ///< of the golden one
  /// Without a leg, on a node that has fewer disks (wire/degraded.h); `on` has the legs of the others. Never sent.
  std::vector<std::uint32_t> empty_slots = {};

  bool operator==(const Raid&) const = default;
  template <typename Self, typename F>
  static void each(Self& s, F& f) {
    f("level", s.level), f("metadata", s.metadata), f("uuid", s.uuid), f("name", s.name), f("layout", s.layout),
        f("chunk", s.chunk), f("offset", s.offset), f("slots", s.slots), f("bitmap", s.bitmap), f("bytes", s.bytes);
  }
};

/// What LUKS encrypts, dm-crypt(8). Its id is the name that it is mapped by. The master key is each clone's own; the
/// passphrase is not part of the graph.
struct Crypt {
  std::uint32_t version = 2;   ///< LUKS 1 or 2
  std::string uuid, label;     ///< a label only of LUKS 2
  std::string cipher;          ///< "aes-xts-plain64"
  std::uint32_t key_bits = 0;  ///< of the master key
  std::string hash;            ///< "sha256"
  std::string key_derivation;  ///< "pbkdf2", "argon2i", "argon2id"
  std::uint64_t offset = 0;    ///< where the data begins
  std::uint32_t sector = 512;  ///< that it encrypts in
  bool discards = false;       ///< LUKS 2: opened with them by itself
  std::uint64_t bytes = 0;     ///< of the golden one

  bool operator==(const Crypt&) const = default;
  template <typename Self, typename F>
  static void each(Self& s, F& f) {
    f("version", s.version), f("uuid", s.uuid), f("label", s.label), f("cipher", s.cipher), f("key_bits", s.key_bits),
        f("hash", s.hash), f("key_derivation", s.key_derivation), f("offset", s.offset), f("sector", s.sector),
        f("discards", s.discards), f("bytes", s.bytes);
  }
};

/// A logical volume of LVM's, on its group, or a thin one on its pool.
struct Volume {
  std::string uuid;                ///< as LVM has it: "8Pwezt-VC2u-…"
  std::string segment = "linear";  ///< lvmraid(7)'s word: "linear", "striped", "raid1", "raid5", …; "thin"
  std::uint32_t stripes = 1;       ///< devices that its data is spread over, parity not counted
  std::uint32_t copies = 1;        ///< of a mirror
  std::uint64_t stripe_size = 0;   ///< bytes; 0: it has none
  std::vector<Id> only_on;         ///< physical volumes, where it does not matter empty
  std::vector<std::string> tags;
  bool read_only = false;
  Size size;

  bool operator==(const Volume&) const = default;
  template <typename Self, typename F>
  static void each(Self& s, F& f) {
    f("uuid", s.uuid), f("segment", s.segment), f("stripes", s.stripes), f("copies", s.copies),
        f("stripe_size", s.stripe_size), f("only_on", s.only_on), f("tags", s.tags), f("read_only", s.read_only),
        f("size", s.size);
  }
};

// Groups: many stand on each.

/// A device that belongs to a volume group.
struct Physical {
  std::string uuid;         ///< as LVM has it
  std::uint64_t start = 0;  ///< where its first extent lies
  std::uint64_t bytes = 0;  ///< of all extents of the golden one
  std::vector<std::string> tags;

  bool operator==(const Physical&) const = default;
  template <typename Self, typename F>
  static void each(Self& s, F& f) {
    f("uuid", s.uuid), f("start", s.start), f("bytes", s.bytes), f("tags", s.tags);
  }
};

/// A volume group of LVM's. Its id is its name. What it stands on and `physical` go in the same order.
struct Group {
  std::string uuid;
  std::uint64_t extent = 0;  ///< bytes
  std::vector<Physical> physical;
  std::vector<std::string> tags;

  bool operator==(const Group&) const = default;
  template <typename Self, typename F>
  static void each(Self& s, F& f) {
    f("uuid", s.uuid), f("extent", s.extent), f("physical", s.physical), f("tags", s.tags);
  }
};

/// A pool of thin volumes, lvmthin(7), on a volume group.
struct Pool {
  std::string uuid;
  std::uint64_t chunk = 0;     ///< bytes
  std::uint64_t metadata = 0;  ///< bytes of its volume for metadata
  std::string discards;        ///< "passdown", "nopassdown", "ignore"
  bool zeroes = true;          ///< new chunks
  std::vector<std::string> tags;
  Size size;  ///< of its data

  bool operator==(const Pool&) const = default;
  template <typename Self, typename F>
  static void each(Self& s, F& f) {
    f("uuid", s.uuid), f("chunk", s.chunk), f("metadata", s.metadata), f("discards", s.discards), f("zeroes", s.zeroes),
        f("tags", s.tags), f("size", s.size);
  }
};

enum class Label { dos, gpt };
inline constexpr const char* label_names[] = {"dos", "gpt"};
constexpr const auto& names_of(Label) { return label_names; }

/// A partition table. Its partitions follow in the order in which they lie on the golden disk, or in which a desc has
/// them; logical ones after the extended one.
struct Table {
  Label label = Label::dos;
  std::string identity;  ///< kept: "0x59be1427", or the GUID of the disk in capitals; empty: a new one
  unsigned slots = 0;    ///< of a GPT: how many partitions it can name; of a DOS table 0

  bool operator==(const Table&) const = default;
  template <typename Self, typename F>
  static void each(Self& s, F& f) {
    f("label", s.label), f("identity", s.identity), f("slots", s.slots);
  }
};

// Contents: nothing stands on them. An empty UUID or label: none, or a new one.

/// ext2, ext3, ext4. What is empty or 0 is left to mke2fs.
struct Ext {
  std::string version;  ///< "ext4"
  std::string uuid, label;
  Usage used;
  std::uint32_t block_size = 0, inode_size = 0;
  std::vector<std::string> features;
  std::uint64_t blocks = 0;           ///< of the golden one; what reserved_blocks is a share of
  std::uint64_t reserved_blocks = 0;  ///< may be 0, if `blocks` is not
  std::uint32_t reserved_uid = 0, reserved_gid = 0;
  std::uint32_t cluster_size = 0;            ///< of bigalloc
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

  bool operator==(const Ext&) const = default;
  template <typename Self, typename F>
  static void each(Self& s, F& f) {
    f("version", s.version), f("uuid", s.uuid), f("label", s.label), f("used", s.used), f("block_size", s.block_size),
        f("inode_size", s.inode_size), f("features", s.features), f("blocks", s.blocks),
        f("reserved_blocks", s.reserved_blocks), f("reserved_uid", s.reserved_uid), f("reserved_gid", s.reserved_gid),
        f("cluster_size", s.cluster_size), f("flex_groups", s.flex_groups), f("stride", s.stride),
        f("stripe", s.stripe), f("journal_mib", s.journal_mib), f("bytes_per_inode", s.bytes_per_inode),
        f("errors", s.errors), f("mount_options", s.mount_options), f("more_mount_options", s.more_mount_options),
        f("mounts_between_checks", s.mounts_between_checks), f("seconds_between_checks", s.seconds_between_checks),
        f("hash", s.hash), f("hash_seed", s.hash_seed), f("encoding", s.encoding), f("quota_types", s.quota_types);
  }
};

/// FAT12, FAT16, FAT32.
struct Fat {
  std::uint32_t width = 32;  ///< bits of an entry: 12, 16, 32
  std::string uuid, label;   ///< the volume id: "7A1C-99E2"
  Usage used;
  std::uint32_t cluster_size = 0;  ///< bytes
  std::uint32_t clusters = 0;      ///< of the golden one
  std::uint32_t tables = 2;        ///< copies of the file allocation table
  std::uint32_t root_entries = 0;  ///< of FAT12 and FAT16: what the root directory can hold

  bool operator==(const Fat&) const = default;
  template <typename Self, typename F>
  static void each(Self& s, F& f) {
    f("width", s.width), f("uuid", s.uuid), f("label", s.label), f("used", s.used), f("cluster_size", s.cluster_size),
        f("clusters", s.clusters), f("tables", s.tables), f("root_entries", s.root_entries);
  }
};

struct Xfs {
  std::string uuid, label;
  Usage used;
  std::uint64_t bytes = 0;  ///< of the golden one
  std::uint32_t block_size = 4096, inode_size = 512, directory_size = 4096;
  std::uint32_t inode_percent = 25;   ///< of its room that inodes may take
  std::vector<std::string> features;  ///< mkfs.xfs's words for what it has: "crc", "reflink"

  bool operator==(const Xfs&) const = default;
  template <typename Self, typename F>
  static void each(Self& s, F& f) {
    f("uuid", s.uuid), f("label", s.label), f("used", s.used), f("bytes", s.bytes), f("block_size", s.block_size),
        f("inode_size", s.inode_size), f("directory_size", s.directory_size), f("inode_percent", s.inode_percent),
        f("features", s.features);
  }
};

/// Always of blocks of 4096 bytes.
struct Jfs {
  std::string uuid, label;
  Usage used;
  bool ignores_case = false;  ///< as OS/2 has it

  bool operator==(const Jfs&) const = default;
  template <typename Self, typename F>
  static void each(Self& s, F& f) {
    f("uuid", s.uuid), f("label", s.label), f("used", s.used), f("ignores_case", s.ignores_case);
  }
};

/// Of format 3.6.
struct Reiserfs {
  std::string uuid, label;
  Usage used;
  std::uint32_t block_size = 4096;
  std::string hash;  ///< of names in directories: "r5"

  bool operator==(const Reiserfs&) const = default;
  template <typename Self, typename F>
  static void each(Self& s, F& f) {
    f("uuid", s.uuid), f("label", s.label), f("used", s.used), f("block_size", s.block_size), f("hash", s.hash);
  }
};

struct F2fs {
  std::string uuid, label;
  Usage used;
  std::uint32_t segments = 1, sections = 1;  ///< in a section, in a zone
  std::uint32_t encoding_flags = 0;          ///< of casefold: 1 is strict
  std::vector<std::string> features;         ///< mkfs.f2fs's words

  bool operator==(const F2fs&) const = default;
  template <typename Self, typename F>
  static void each(Self& s, F& f) {
    f("uuid", s.uuid), f("label", s.label), f("used", s.used), f("segments", s.segments), f("sections", s.sections),
        f("encoding_flags", s.encoding_flags), f("features", s.features);
  }
};

struct Exfat {
  std::string uuid, label;  ///< the volume's serial number: "7A1C-99E2"
  Usage used;
  std::uint32_t cluster_size = 4096;

  bool operator==(const Exfat&) const = default;
  template <typename Self, typename F>
  static void each(Self& s, F& f) {
    f("uuid", s.uuid), f("label", s.label), f("used", s.used), f("cluster_size", s.cluster_size);
  }
};

/// A part of a Btrfs with a tree of its own. Its flags and properties travel as its directory's do.
struct Subvolume {
  std::string path;      ///< from the top of the file system, parents first: "@/.snapshots/1/snapshot"; bytes
  std::uint64_t id = 0;  ///< on the golden machine, whose files may name it (subvolid=)
  bool read_only = false;
  bool is_default = false;  ///< what is mounted when nobody says which; none: the top

  bool operator==(const Subvolume&) const = default;
  template <typename Self, typename F>
  static void each(Self& s, F& f) {
    f("path", s.path), f("id", s.id), f("read_only", s.read_only), f("is_default", s.is_default);
  }
};

/// On one device.
struct Btrfs {
  std::string uuid, label;
  Usage used;
  std::uint32_t node = 16384, sector = 4096;  ///< bytes: of a node of its trees, of a block of data
  std::string checksum = "crc32c";            ///< "crc32c", "xxhash", "sha256", "blake2"
  std::string metadata, data;                 ///< how they are kept: "single", "dup"
  std::vector<std::string> features;          ///< of those that mkfs.btrfs is told of: "no-holes", "free-space-tree"
  std::vector<Subvolume> subvolumes;

  bool operator==(const Btrfs&) const = default;
  template <typename Self, typename F>
  static void each(Self& s, F& f) {
    f("uuid", s.uuid), f("label", s.label), f("used", s.used), f("node", s.node), f("sector", s.sector),
        f("checksum", s.checksum), f("metadata", s.metadata), f("data", s.data), f("features", s.features),
        f("subvolumes", s.subvolumes);
  }
};

struct Swap {
  std::string uuid, label;

  bool operator==(const Swap&) const = default;
  template <typename Self, typename F>
  static void each(Self& s, F& f) {
    f("uuid", s.uuid), f("label", s.label);
  }
};

/// -D: copied block by block, to the same place on its disk.
struct Blocks {
  std::uint64_t bytes = 0;
  std::string uuid, label;  ///< of what they hold
  std::string format;       ///< "ntfs": only blocks that this file system uses are copied; empty: all are
  std::uint64_t start = 0;  ///< on the golden disk; 0: any place will do

  bool operator==(const Blocks&) const = default;
  template <typename Self, typename F>
  static void each(Self& s, F& f) {
    f("bytes", s.bytes), f("uuid", s.uuid), f("label", s.label), f("format", s.format), f("start", s.start);
  }
};

/// A new kind is a struct above, a word here, and a line in each side's table.
using What = std::variant<Disk, Table, Partition, Raid, Crypt, Group, Pool, Volume, Ext, Fat, Xfs, Btrfs, Jfs, Reiserfs,
                          F2fs, Exfat, Swap, Blocks>;

struct Node {
  Id id;
  std::vector<Id> on;  ///< what it stands on
  /// Other names of a device on the golden machine: links that udev made from its serial number or place. No clone has
  /// them; what is called so in its files is looked up here. "/dev/disk/by-id/ata-QEMU_HARDDISK_QM00001-part1"
  std::vector<std::string> links;
  What what;

  bool operator==(const Node&) const = default;
};

struct Storage {
  std::vector<Node> nodes;

  const Node* find(std::string_view id) const;  ///< nullptr: none
  const Node& at(std::string_view id) const;    ///< throws Error
  Node& at(std::string_view id);
  std::vector<const Node*> on(const Id& id) const;  ///< what stands on it, in the order of the list

  bool operator==(const Storage&) const = default;
};

/// The value of that kind, or nullptr.
template <typename Kind>
const Kind* get(const Node* node) {
  return node ? std::get_if<Kind>(&node->what) : nullptr;
}
template <typename Kind>
const Kind& as(const Node& node) {
  return std::get<Kind>(node.what);
}
template <typename Kind>
std::vector<const Node*> all(const Storage& storage) {
  std::vector<const Node*> found;
  for (const Node& node : storage.nodes)
    if (std::holds_alternative<Kind>(node.what)) found.push_back(&node);
  return found;
}

/// Of a content that holds files; nullptr of all else.
Usage* usage_of(Node& node);
const Usage* usage_of(const Node& node);

/// The one thing that stands on a device, or nullptr.
const Node* content_of(const Storage& storage, const Node& device);

/// The disk below a node, or itself; with several, the first. Throws Error if there is none.
const Node& disk_below(const Storage& storage, const Node& node);
/// All of them, in the order of the list.
std::vector<const Node*> disks_below(const Storage& storage, const Node& node);
/// Everything that a node stands on, itself last, in the order of the list.
std::vector<const Node*> all_below(const Storage& storage, const Node& node);
/// The size that is said of a partition, a volume or a pool; nullptr of all else.
Size* size_of(Node& node);
const Size* size_of(const Node& node);

/// Appends a disk with a table and its partitions, called as the golden machine calls them: "sda", "sda:gpt", "sda1",
/// ….
void add_disk(Storage& storage, const Id& name, Disk disk, Table table, std::vector<Partition> partitions);
/// Appends what lies on a device: "sda1:fs".
Node& add_content(Storage& storage, const Id& device, What content);

/// The table that lies on a disk, or nullptr.
const Node* table_on(const Storage& storage, const Node& disk);

}  // namespace ka::storage
