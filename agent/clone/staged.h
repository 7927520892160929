#pragma once
/// File systems from which firmware starts whatever program it finds there (FAT): until a clone is whole, all that they
/// hold is in a folder that no firmware looks into. Each is mounted apart, and that folder bound to where the clone has
/// the file system, so that nobody who works there sees a difference.

#include <functional>
#include <string>

#include "agent/machine/log.h"
#include "agent/machine/machine.h"
#include "agent/machine/mounts.h"

namespace ka::agent {

class Staged {
 public:
  /// `folder`: where they are mounted, seen by stage2 under the same path.
  Staged(Machine& machine, Mounts& mounts, std::string folder)
      : machine_(machine), mounts_(mounts), folder_(std::move(folder)) {}

  /// Mounts `device` apart and its folder on `target`; the mounts are of `mounts`.
  void mount(const std::string& device, const std::string& target, const std::string& type, unsigned long flags,
             const std::string& data);
  void mount_read_only(const std::string& device, const std::string& target, const std::string& type,
                       unsigned long flags, const std::string& data);

  /// What is there of a file system that is being finished: its top, or what will be that.
  using Look = std::function<void(const std::string& top)>;

  /// Of one that is unmounted: moves everything to the top, \EFI last. `before` may change what is moved; `after` looks
  /// at what the disk gives back then. Unmounted on return. Throws Error.
  Awaitable<void> finish(std::string device, std::string type, std::string data, Look before, Look after);

 private:
  std::string place_of(const std::string& device) const;

  Machine& machine_;
  Mounts& mounts_;
  std::string folder_;
};

}  // namespace ka::agent
