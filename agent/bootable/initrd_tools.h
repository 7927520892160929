#pragma once
/// The programs that build initrds, one table: what tells that a system has one, how it is told of drivers for good,
/// and how it builds the images of all kernels anew. Images for rescue and kdump belong to none of these kernels and
/// stay.

#include <string>
#include <string_view>
#include <vector>

#include "agent/bootable/disk_drivers.h"
#include "agent/machine/clone_tree.h"
#include "base/process.h"

namespace ka::agent {

struct InitrdTool {
  const char* name;
  const char* program;
  void (*configure)(CloneTree& clone, const std::vector<std::string>& modules);
  std::vector<Command> (*rebuild)(const std::vector<InstalledKernel>& kernels);
};

/// The one of this system; nullptr: none that is known.
const InitrdTool* initrd_tool(const CloneTree& clone);

/// A configuration with our block at its end, in place of an earlier one of ours.
std::string with_block(std::string_view text, const std::string& block);

/// /etc/booster.yaml with these modules beside those that it has.
std::string with_booster_modules(std::string_view text, const std::vector<std::string>& modules);

}  // namespace ka::agent
