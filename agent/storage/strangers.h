#pragma once
/// Strangers: disks of this machine that stay as they are and bear what the clone will bear, as an earlier clone does
/// on a second disk. With both in it a machine starts from either, or mounts the wrong one.

#include <string>
#include <string_view>
#include <vector>

#include "agent/machine/log.h"
#include "agent/machine/machine.h"
#include "agent/storage/disks.h"
#include "agent/storage/kernel_log.h"
#include "base/asio.h"
#include "wire/storage/rule.h"

namespace ka::agent {

struct StrangerQuestion {
  const storage::Storage& storage;  ///< what will be made; rule.h says what each kind bears
  std::vector<MachineDisk> others;  ///< of this machine, not to be written to
  std::string sysfs, stage2_root;
  KernelLog& kernel_log;  ///< tells of a disk that could not be read
};

/// Throws Error if one of the others, or a partition of it, bears an identity of the graph: which disk, what, and the
/// remedy. They are only read, by programs of stage2. A disk that cannot be looked at, or does not answer within a
/// minute, is no reason to refuse: the log says so.
Awaitable<void> refuse_strangers(Machine& machine, Log& log, StrangerQuestion question);

/// What a device was found to bear.
struct Borne {
  std::string device;      ///< "/dev/sdb1"
  std::string tag, value;  ///< as blkid has them: "UUID"
};

/// From what the look at a disk printed; `unread`: devices that gave errors.
struct Look {
  std::vector<Borne> borne;
  std::vector<std::string> unread;
};
Look read_look(std::string_view printed);

}  // namespace ka::agent
