#pragma once
/// That a machine will start, followed as its boot loader, its kernel and its init would: from the loader's first file
/// over its configuration to kernel and initrd, root=, and fstab. The server asks it of the golden files before
/// anybody waits, a node of what its disk holds at the end.
///
/// Nothing is read here but by the functions that the caller gives. Only what starts by itself is followed; other
/// entries of a menu are not looked at.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wire/boot/trail.h"
#include "wire/storage/storage.h"

namespace ka::boot {

/// The files of the system, all that is mounted in it included. Paths are absolute; links are followed.
struct Files {
  std::function<std::optional<std::string>(const std::string& path)> read;    ///< nullopt: not there
  std::function<std::optional<std::uint64_t>(const std::string& path)> size;  ///< of a regular file
  std::function<std::vector<std::string>(const std::string& path)> list;      ///< names; none: no such folder
};

/// A file system in the tree, or a part of one.
struct Mounted {
  storage::Id fs;
  std::string point;      ///< "/", "/boot"
  std::string subvolume;  ///< of Btrfs, from its top: "@/.snapshots/1/snapshot"; empty: all of it
};

struct Question {
  Files files;
  const storage::Storage& storage;
  std::vector<Mounted> mounts;
  /// What a name means that stands in a kernel's command line or fstab, such as "UUID=…", "LABEL=…", "/dev/sda1": the
  /// content that it has, or the device if it has none; nullopt: no clone has one of that name.
  std::function<std::optional<storage::Id>(std::string_view name)> find;
};

/// What a machine's firmware starts first.
struct Start {
  std::string loader;  ///< a name of known_loaders()
  std::string file;    ///< its first configuration, as a path in the tree: "/boot/grub/grub.cfg"
  bool uefi = false;
  std::string arguments;  ///< of an entry of the firmware's, as it has them
};

/// Never throws: what cannot be followed is a link that says so. A loader that is not known is refused by its name.
Trail trace(const Question& question, const Start& start);

/// Names of loaders whose configuration can be followed: "grub", ….
std::vector<std::string> known_loaders();

}  // namespace ka::boot
