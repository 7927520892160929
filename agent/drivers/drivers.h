#pragma once
/// Finds the drivers that this machine's devices ask for, and loads them: those that are there at the start
/// (coldplug) and those that appear later (uevents), in processes of their own, side by side.

#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "agent/drivers/module_index.h"
#include "agent/drivers/uevent.h"
#include "agent/machine/log.h"
#include "base/asio.h"

namespace ka::agent {

/// A device without a driver.
struct UndrivenDevice {
  std::string place;  ///< "pci 0000:00:03.0"
  std::string ids;    ///< "8086:100e"; empty where the bus has none
  std::string kind;   ///< "network controller"
  std::string modalias;

  std::string text() const;
};

class Drivers {
 public:
  Drivers(asio::io_context& io, Log& log);

  /// Adds the modules under `root` ("": all.rdz; "/tmp/stage2"). Devices are not asked yet.
  void add_modules(const std::string& root);
  /// As add_modules, and asks all devices once more.
  void use_modules_of(const std::string& root);

  /// Returns when nothing is being loaded and no device has appeared for `quiet`, at latest after `limit`: then false.
  Awaitable<bool> settle(std::chrono::milliseconds quiet, std::chrono::milliseconds limit);

  /// Loads these modules (or what serves these aliases), and waits. Throws Error if one is not there or does not load.
  Awaitable<void> load(std::vector<std::string> names);

  /// Devices that a clone could need (no bridges, displays, …) and that have no driver now.
  std::vector<UndrivenDevice> undriven() const;

  /// Whether a module that is at hand serves this modalias and drives storage.
  bool drive_storage(std::string_view modalias) const;

  /// Modules that are being loaded now, or wait for it: "qla2xxx lpfc".
  std::string loading() const;

  /// Whether a driver in use is one whose disks appear at some time after it was loaded.
  bool disks_may_come_late() const;

  /// Modules that drive a device of this machine now, in the order in which they were loaded.
  std::vector<std::string> in_use() const;

 private:
  /// What one device asked for; loaded one after the other.
  struct Request {
    std::vector<std::string> modules, files;
    bool urgent = false;
  };

  void ask_all_devices();
  void consider(const std::string& modalias);
  void start_more();
  Awaitable<void> run(Request request);

  asio::io_context& io_;
  Log& log_;
  ModuleIndex index_;
  std::set<std::string> requested_;  // modules that were loaded or tried
  std::deque<Request> queue_;
  std::vector<std::string> loaded_;
  std::multiset<std::string> running_modules_;
  unsigned running_ = 0, urgent_running_ = 0;
  // The kernel ends no module's load before all probing that goes on at the time is done, so a network card would wait
  // for the disks of a controller beside it.
  bool network_first_ = true;
  std::chrono::steady_clock::time_point last_news_;
  std::optional<UeventMonitor> uevents_;
};

}  // namespace ka::agent
