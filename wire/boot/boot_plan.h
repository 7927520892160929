#pragma once
/// How a golden machine starts: what the plan found, what a node makes and proves. A machine may have both ways; a node
/// is told both, and the one of its own firmware must be there.

#include <optional>
#include <string>
#include <vector>

#include "wire/storage/storage.h"

namespace ka::boot {

/// By a BIOS: its boot code lies in front of the partition table.
struct BiosWay {
  enum class Loader { grub };

  Loader loader = Loader::grub;
  std::vector<storage::Id> disks;  ///< that get the boot code
  std::string directory;           ///< where its configuration is: "/boot/grub"

  bool operator==(const BiosWay&) const = default;
};

/// A program that the firmware or shim starts: a PE/COFF image.
struct Program {
  std::string path;    ///< in the golden machine's tree: "/boot/efi/EFI/debian/shimx64.efi"
  std::string digest;  ///< Authenticode SHA-256, 64 hexadecimal digits in small letters
  std::string sbat;    ///< its section .sbat: lines "component,generation,…"; empty: it has none
  /// Distinguished names (DER) of the issuers of all certificates in its signatures; empty: it is not signed.
  std::vector<std::string> issuers;

  bool operator==(const Program&) const = default;
};

/// What an entry of the firmware's boot menu says (UEFI 2.10, 3.1.3).
struct Entry {
  storage::Id esp;               ///< the FAT that its path is in
  std::string path;              ///< as UEFI writes it: "\EFI\debian\shimx64.efi"
  std::string label, arguments;  ///< UTF-8; bytes of OptionalData

  bool operator==(const Entry&) const = default;
};

/// By UEFI: a program on an EFI system partition. Its files travel with all others and are made nowhere.
struct UefiWay {
  enum class Loader { grub, systemd_boot, stub };

  Loader loader = Loader::grub;
  std::vector<storage::Id> esps;  ///< contents (FAT) that are mounted
  std::vector<Entry> entries;     ///< at least one; the first is the one that starts the clone
  std::vector<Program> chain;     ///< in the order in which they start each other: shim, GRUB

  /// A kernel whose command line is in its entry (its root, its initrd): by \EFI\BOOT\BOOTX64.EFI it would panic.
  bool needs_its_entry() const { return loader == Loader::stub && !entries.front().arguments.empty(); }

  bool operator==(const UefiWay&) const = default;
};

/// Where a clone's entry goes in the firmware's boot order: before all others, behind the one by which the node started
/// now (PXE), or behind all.
enum class Order { disk_first, pxe_first, leave };
inline constexpr const char* order_names[] = {"disk-first", "pxe-first", "leave"};

struct BootPlan {
  std::optional<BiosWay> bios;
  std::optional<UefiWay> uefi;
  Order order = Order::disk_first;

  bool operator==(const BootPlan&) const = default;
};

}  // namespace ka::boot
