#pragma once
/// What the clone has mounted, so that all of it is unmounted again, in reverse, whatever happens.

#include <string>
#include <vector>

#include "agent/machine/log.h"
#include "agent/machine/machine.h"

namespace ka::agent {

class Mounts {
 public:
  Mounts(asio::io_context& io, Machine& machine, Log& log) : io_(io), machine_(machine), log_(log) {}

  void mount(const std::string& source, const std::string& target, const std::string& type, unsigned long flags,
             const std::string& data);

  /// As mount, for a disk that is written to: its writes are watched.
  void mount_disk(const std::string& device, const std::string& target, const std::string& type, unsigned long flags,
                  const std::string& data);
  /// Shows a directory of a disk that is mounted in another place, too.
  void bind(const std::string& source, const std::string& target);
  /// Targets of mount_disk, in their order.
  const std::vector<std::string>& disks() const { return disks_; }

  void unmount(const std::string& target);

  /// Those that are mounted over a disk's and are no disks themselves: /proc and the like.
  void unmount_others();

  /// Reverse order; throws the first Error after all were tried. What could not be unmounted stays on the list.
  void unmount_all();

  /// As unmount_all, after something failed: waits for programs that were just killed to let go, tries again for
  /// a while, and logs what stays mounted. Never throws.
  Awaitable<void> give_up();

 private:
  asio::io_context& io_;
  Machine& machine_;
  Log& log_;
  void unmount_down_to(std::size_t left);

  std::vector<std::string> targets_, disks_;
  std::size_t of_disks_ = 0;  // so many of targets_ are disks, or what was mounted between them
};

}  // namespace ka::agent
