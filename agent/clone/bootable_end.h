#pragma once
/// The very last of a clone: up to here its disks do not boot.

#include <map>
#include <string>

#include "agent/clone/file_systems.h"
#include "agent/clone/work.h"

namespace ka::agent {

class BootableEnd {
 public:
  BootableEnd(Work& work, FileSystems& file_systems) : work_(work), file_systems_(file_systems) {}

  /// While the clone's files are mounted: installs what lies in them, and keeps what goes in front of them.
  Awaitable<void> prepare();

  /// Entries of the firmware, then the staged file systems, then the boot code of each disk.
  Awaitable<void> write();

  /// After a failure: every disk that was written to says so when it is started. Never throws.
  void leave_unbootable();

 private:
  const std::string& disk_here(const std::string& golden) const;
  std::string write_nvram();
  void write_boot_code();

  Work& work_;
  FileSystems& file_systems_;
  std::map<std::string, std::string> boot_code_;  // by disk of this machine
};

}  // namespace ka::agent
