#pragma once
/// The boot loaders of BIOS machines, one table: what each needs, and how it is made in a clone. None of them is more
/// than files and boot code; that is taken out again, since the caller writes it last of all.

#include <string>

#include "agent/machine/clone_tree.h"
#include "agent/machine/log.h"
#include "agent/machine/machine.h"
#include "wire/manifest.h"

namespace ka::agent {

/// Where a loader comes from, and where it puts its files.
struct LoaderPlace {
  CloneTree& clone;         ///< mounted whole, with /proc, /sys, /dev
  const CloneTree& stage2;  ///< sees the clone under clone.root()
  std::string disk;         ///< of this machine: "sda"
  bool gpt = false;         ///< its table
};

struct BiosLoader {
  wire::BootLoader::Kind kind;
  const char* program;  ///< that stage2 must have; nullptr: it is the clone's own
  /// Makes it, and returns its boot code. The disk itself has the unfinished one again then. Throws Error.
  Awaitable<std::string> (*install)(Machine& machine, Log& log, LoaderPlace place);
};

/// nullptr: of that kind nothing is made.
const BiosLoader* bios_loader(wire::BootLoader::Kind kind);

/// What a program wrote to the disk as boot code, which gets the unfinished one back. Throws Error if it wrote none.
std::string take_boot_code(Machine& machine, const std::string& device, const std::string& program);

}  // namespace ka::agent
