#pragma once
/// What this machine, the golden node, is made of. Gathered once, by the system's own tools; server/plan/plan.h decides
/// on it without looking at the machine again.

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/asio.h"
#include "base/network_cards.h"
#include "server/golden/block_devices.h"
#include "server/golden/layers.h"
#include "server/golden/mounts.h"
#include "server/golden/subvolumes.h"
#include "wire/boot/boot_plan.h"
#include "wire/boot/extlinux_place.h"
#include "wire/boot/trace.h"
#include "wire/grub.h"
#include "wire/storage/sfdisk.h"

namespace ka::server {

/// What blkid finds on a partition, an array, a volume or a mapping.
struct Probe {
  std::string type;  ///< "ext4", "swap"; empty: nothing known
  std::string uuid, label;
  std::string error;  ///< why it could not be told; counts only for a partition that is cloned
};

/// What was asked of a partition for its kind (server/golden/kinds.h), which alone understands it.
struct Answers {
  std::vector<std::string> superblock;  ///< what lies where its rule says; empty: not read
  std::string program;                  ///< what its program printed; empty: none was asked, or it failed
};

/// How full a mounted file system is.
struct Usage {
  std::uint64_t bytes = 0, inodes = 0;
};

/// What this machine starts by.
struct GoldenBoot {
  std::optional<wire::GrubInstallation> grub;  ///< nullopt: no grub.cfg
  bool grub_program = false;                   ///< grub-install or grub2-install
  bool grub_legacy = false;                    ///< a menu.lst or grub.conf
  bool lilo = false, lilo_conf = false;
  std::optional<boot::ExtlinuxPlace> extlinux;  ///< nullopt: no configuration of it
  bool makes_initrds = false;                   ///< there is a tool that does
  std::uint64_t largest_initrd = 0;             ///< bytes, in /boot
};

/// A FAT that is mounted here, and the partition that it is in as boot entries name it.
struct Esp {
  std::string device, point;  ///< "sda1", or the array that the partition is a leg of; "/boot/efi"
  std::string identity;       ///< of a GPT the partition's GUID; of a DOS table the disk identifier
  std::uint32_t number = 0;   ///< of the partition
};

/// A program on such a FAT that UEFI firmware starts, and those that it starts in turn.
struct UefiLoader {
  std::string device;  ///< "sda1"
  boot::Entry entry;   ///< `esp` is empty: no graph has it yet
  boot::UefiWay::Loader kind = boot::UefiWay::Loader::grub;
  std::vector<boot::Program> chain;
  std::uint64_t bytes = 0;  ///< of their files
  bool removable = false;   ///< \EFI\BOOT\BOOTX64.EFI is there, too
  std::string why_not;      ///< clones cannot start by it; empty: they can
};

/// A file without which a clone does not start, by the name it is known by and by its real one.
struct NeededFile {
  std::string path;
};

struct Golden {
  std::string host_name;
  std::vector<NetworkCard> network_cards;
  std::vector<std::string> addresses;  ///< by which others know it: "10.0.1.40", "2001:db8::28"
  std::vector<BlockDevice> devices;
  Layers layers;              ///< what is made of them
  std::vector<Mount> mounts;  ///< those that can be seen: not under another mount
  std::vector<Swap> swaps;
  std::vector<FstabEntry> fstab;
  std::map<std::string, storage::ReadTable> tables;  ///< by drive; none: no table, see table_errors
  std::map<std::string, std::string> table_errors;
  std::map<std::string, std::string> boot_records;        ///< by drive: its first sector
  std::map<std::string, Probe> probes;                    ///< by partition, array, volume or mapping: its id
  std::map<std::string, Answers> answers;                 ///< likewise
  std::map<std::string, Subvolumes> subvolumes;           ///< likewise, of one that is mounted and has such
  std::map<std::string, Usage> usage;                     ///< by mount point
  std::map<std::string, std::vector<std::string>> links;  ///< by drive or partition: "/dev/disk/by-id/…", by-path
  bool uefi = false;                                      ///< booted by UEFI
  std::vector<UefiLoader> uefi_loaders;                   ///< the one that it starts by first
  GoldenBoot boot;
  std::vector<NeededFile> needed;
  std::set<std::string> modules;      ///< of all kernels here, with _ for -
  boot::Files files;                  ///< of this machine as it is, for the boot that is followed through them
  std::vector<std::string> warnings;  ///< what did not answer while it was looked at
};

/// Looks at this machine. `drives` are looked at too if they are not plain drives (a loop device named by -p).
/// Needs root, and the programs of server/golden/programs.h. Throws Error.
Awaitable<Golden> inspect(asio::io_context& io, std::vector<std::string> drives);

/// The drives that hold this device: itself, the one it is a partition of, or those below it; of a volume all of its
/// group.
std::vector<std::string> drives_below(const Golden& golden, const BlockDevice& device);
/// Why what it is made of cannot be cloned: "md0 is an array of …"; empty: it can.
std::string strange_below(const Golden& golden, const BlockDevice& device);

/// `blkid -p -o udev`. Values come out as bytes.
Probe parse_blkid(std::string_view text);

/// The parts of inspect() that need only files; `root` is another place in tests. (golden_boot.cpp)
GoldenBoot read_golden_boot(const std::string& root);
std::vector<NeededFile> read_needed_files(const std::string& root, const GoldenBoot& boot);
std::set<std::string> read_modules(const std::string& root);
/// Of no more than 16 MiB each; what cannot be read is not there.
boot::Files files_of(const std::string& root);
/// What UEFI firmware starts on these file systems: what the entries in NVRAM name, then what BOOTX64.CSV names, then
/// \EFI\BOOT\BOOTX64.EFI. (golden_uefi.cpp)
std::vector<UefiLoader> read_uefi_loaders(const std::string& root, const std::vector<Esp>& esps);
std::vector<Esp> mounted_esps(const Golden& golden);

/// The value after `name` and blanks on the line of `text` that begins with it; empty: there is no such line.
std::string_view field_of(std::string_view text, std::string_view name);

}  // namespace ka::server
