#pragma once
/// Where a loader's paths are in the tree of files. A loader knows file systems and paths in them; a tree has each
/// mounted somewhere, of Btrfs perhaps only a part.

#include <optional>
#include <string>
#include <string_view>

#include "wire/boot/trace.h"

namespace ka::boot {

/// A path as a loader has it.
struct Place {
  storage::Id fs;
  std::string path;  ///< from the top of its file system
};

/// A path without "//", "." and "..".
std::string normal(std::string_view path);

/// The file system that holds a path of the tree, and where in it; nullopt: none is mounted above it.
std::optional<Place> place_of(const Question& question, const std::string& path);

/// The path in the tree; one where something is, if there are several. nullopt: that file system is not mounted.
std::optional<std::string> in_tree(const Question& question, const Place& place);

/// "(hd0,msdos1)", "hd0,gpt2": of the disk that `near` lies on, whichever number a BIOS gives it; or an id. Without a
/// content of its own, nullopt.
std::optional<storage::Id> grub_device(const Question& question, std::string_view name, const storage::Id& near);

}  // namespace ka::boot
