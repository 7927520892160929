#pragma once
/// The kernel's messages about devices that come and go (NETLINK_KOBJECT_UEVENT).

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/asio.h"

namespace ka::agent {

struct Uevent {
  std::string action;     ///< "add", "remove", "change", "bind", …
  std::string path;       ///< below /sys
  std::string subsystem;  ///< "pci", "block", "net", …
  std::string modalias;   ///< empty if it has none
};

/// One datagram: "add@/devices/…\0ACTION=add\0DEVPATH=…\0…". nullopt for anything else (udevd's own messages).
std::optional<Uevent> parse_uevent(std::string_view datagram);

/// Hears them from construction to destruction. `overflow` is called instead when some were lost: look at /sys then.
class UeventMonitor {
 public:
  UeventMonitor(asio::io_context& io, std::function<void(const Uevent&)> event, std::function<void()> overflow);

 private:
  void wait();
  void read_all();

  asio::posix::stream_descriptor socket_;
  std::function<void(const Uevent&)> event_;
  std::function<void()> overflow_;
};

}  // namespace ka::agent
