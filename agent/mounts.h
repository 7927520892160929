#pragma once
/// What the clone has mounted, so that all of it is unmounted again, in reverse, whatever happens.

#include <string>
#include <vector>

#include "agent/log.h"
#include "agent/machine.h"

namespace ka::agent {

class Mounts {
 public:
  Mounts(asio::io_context& io, Machine& machine, Log& log) : io_(io), machine_(machine), log_(log) {}

  void mount(const std::string& source, const std::string& target, const std::string& type, unsigned long flags,
             const std::string& data);

  std::size_t count() const { return targets_.size(); }

  /// Down to the first `left`, in reverse order; throws the first Error after all were tried. What could not be
  /// unmounted stays on the list.
  void unmount_down_to(std::size_t left);
  void unmount_all() { unmount_down_to(0); }

  /// As unmount_all, after something failed: waits for programs that were just killed to let go, tries again for
  /// a while, and logs what stays mounted. Never throws.
  Awaitable<void> give_up();

 private:
  asio::io_context& io_;
  Machine& machine_;
  Log& log_;
  std::vector<std::string> targets_;
};

}  // namespace ka::agent
