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

#include "wire/boot/boot_plan.h"
#include "wire/identity.h"
#include "wire/storage/storage.h"

namespace ka::wire {

/// What of a golden machine's storage is mounted, and where.
struct Mount {
  storage::Id fs;              ///< a content that is made anew
  std::string point;           ///< "/", "/var"
  std::string options;         ///< that the data needs while it is written (acl, user_xattr); may be empty
  std::string subvolume = {};  ///< of a content that has such: which; empty: its top
  /// At a place of its own, only while the files come: what no mount of the golden machine shows.
  bool apart = false;
};

/// Where such a mount is: apart_place and what its file system is called.
inline constexpr std::string_view apart_place = "/.ka-apart-";

/// A session of its own beside the tree of files: a content that is copied byte for byte.
struct Stream {
  std::string session;  ///< "kainstall3", …
  storage::Id of;
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

/// The flags of chattr(1) that a clone's files get too: s u S i a d A j t D T x P c m, C (no copy on write) and F
/// (names without case). Not those that a file system sets by itself (extents, an index), nor those that make another
/// kind of file (encryption, verity): the server refuses these.
inline constexpr std::uint32_t carried_inode_flags = 0x6283'c4ff;

/// Of these, those that only an empty file (C) or directory (F) can get or lose; what is made in a directory that has
/// them gets them too.
inline constexpr std::uint32_t early_inode_flags = 0x4080'0000;

/// Flags and project ids, which tar does not carry, of files and directories that lie in one directory and have the
/// same. A directory comes before all that is in it. Flags may be 0: its directory's early ones are not this file's.
struct InodeFlags {
  std::string directory;           ///< absolute, bytes
  std::vector<std::string> names;  ///< in it; "." for "/" itself
  std::uint32_t flags = 0;         ///< FS_IOC_SETFLAGS: of carried_inode_flags
  std::uint32_t project = 0;
  bool directories = false;  ///< all of them are; else none is
};

inline constexpr const char* loader_names[] = {"none", "grub", "lilo", "extlinux"};

struct BootLoader {
  enum class Kind { none, grub, lilo, extlinux };

  Kind kind = Kind::grub;
  storage::Id disk;                  ///< the Disk it goes to; usually the first
  std::vector<std::string> modules;  ///< --with=MODULE of -r: also in the initrd
};

/// A user's own script, run inside the clone after identity and before the boot loader.
struct Hook {
  std::string name;     ///< file name; they run in the order of names
  std::string content;  ///< bytes
};

/// Which disk of a node takes the place of a golden one, where that is not beyond doubt.
struct TargetRule {
  storage::Id disk;      ///< a Disk
  std::string selector;  ///< "name:vda", "serial:…", "wwn:…", "path:pci-0000:…"
};

/// A network interface of the golden node: configuration of the clone that is bound to its address is found by it.
struct NetworkCard {
  std::string address;  ///< "52:54:00:12:34:56"
  std::string place;    ///< in the machine: "0000:00:03.0"; empty: no hardware (a bridge, a bond, …)
};

/// What an initrd of the golden machine holds (wire/boot/initrd_content.h): found once, so that not every node has to
/// unpack it. It goes for a file of this size and time.
struct InitrdContent {
  std::string file;  ///< below /boot, as no link calls it
  std::uint64_t size = 0;
  std::int64_t mtime = 0;  ///< seconds
  std::vector<std::string> holds;
};

/// Where the passphrases of what is encrypted come from: nothing is; with the server's yes; the same, made by the
/// server for each node and to be shown at its console; from a person there.
enum class Passphrases { none, sent, made, asked };
inline constexpr const char* passphrases_names[] = {"none", "sent", "made", "asked"};

struct Manifest {
  static constexpr int version = 2;

  std::string golden_host;  ///< the golden node's host name
  std::string server_version;
  std::string session = "ka";  ///< operator's name of this clone, for logs
  storage::Storage storage;
  std::vector<Mount> mounts;  ///< in their order: "/" first
  std::vector<BareDirectory> bare_directories;
  std::vector<Socket> sockets;
  std::vector<InodeFlags> inode_flags;
  std::vector<Stream> streams;
  std::optional<BootLoader> boot_loader;
  boot::BootPlan boot;  ///< how the golden machine starts, and so the clones
  std::vector<Hook> hooks;
  std::vector<TargetRule> targets;
  std::vector<NetworkCard> network_cards;
  std::vector<std::string> golden_addresses;  ///< IPv4 and IPv6 ones of the golden node: files that hold one are named
  std::vector<InitrdContent> initrds;         ///< those that the server could look into
  IdentityChoice identity;                    ///< what of the golden node's identity the operator wants otherwise
  bool removable_allowed = false;             ///< clone onto removable disks too
  bool degraded = false;        ///< onto fewer disks too, where only legs are missing that arrays can do without
  std::string tar_compression;  ///< "zstd": the sessions that follow may be packed with it; empty: they are not
  std::string log_directory = "/var/log/ka";
  bool verify_all = false;            ///< every file is read back from the clone's disk, not only those of /boot
  std::uint32_t step_limit_s = 3600;  ///< how long one step of a clone may take on a node; 0: as long as it likes
  std::vector<std::string> firmware = {"bios"};  ///< what can start the clone: "bios", "uefi"
  Passphrases passphrases = Passphrases::none;
};

/// A golden node with more (a router, a host of containers) tells of the first so many.
inline constexpr std::size_t most_golden_addresses = 1024;

/// Bytes of JSON; a node takes no more. Some millions of files with flags of their own.
inline constexpr std::size_t largest_manifest = 64 << 20;

/// Throws Error naming the field that does not go with the rest: a file system on a partition that is not
/// there, two "/" or none, a path with "..", a hook name with "/", sizes that overflow, ….
void check(const Manifest& manifest);

/// Throws as check() does: what a server sends, a node of the same version accepts.
std::string to_json(const Manifest& manifest);

/// Throws Error naming the field: unknown version, a field that is missing or of another type, and as check().
/// Fields it does not know are left alone.
Manifest parse_manifest(std::string_view json);

}  // namespace ka::wire
