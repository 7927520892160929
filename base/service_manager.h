#pragma once
/// What a service tells the manager that has started it, as systemd documents it for everybody (sd_notify(3), "the
/// protocol"): lines NAME=VALUE in a datagram to the Unix socket that $NOTIFY_SOCKET names. Without that variable there
/// is no manager, and nothing is told.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/unique_fd.h"

namespace ka {

class ServiceManager {
 public:
  /// Takes the variables out of the environment: they are meant for this process and none that it starts.
  ServiceManager();

  bool is_there() const { return socket_.valid(); }
  /// How often it wants to hear WATCHDOG=1 at the least; nullopt: it does not watch.
  std::optional<std::chrono::microseconds> watchdog() const { return watchdog_; }
  /// "READY=1\nSTATUS=…". Never waits: false if it was not taken, or nobody is there.
  bool tell(std::string_view lines) const;

 private:
  UniqueFd socket_;
  std::optional<std::chrono::microseconds> watchdog_;
};

}  // namespace ka
