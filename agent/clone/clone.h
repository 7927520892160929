#pragma once
/// The clone itself: from the manifest to an unmounted, bootable copy. Called once stage2 is mounted; knows nothing of
/// PID 1, DHCP, how the bytes travel or how drivers are found.

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "agent/link/server_link.h"
#include "agent/machine/log.h"
#include "agent/machine/machine.h"
#include "agent/machine/person.h"
#include "base/asio.h"

namespace ka::agent {

/// What is known of this machine's drivers when its disks are looked at.
struct SettledDrivers {
  std::vector<std::string> in_use;  ///< modules that its hardware uses (for the log)
  /// Why it may have disks that cannot be seen: "no driver for pci 0000:00:05.0 [1b36:0010] …". Empty: none.
  std::vector<std::string> doubts;
};

/// What a clone is told: values, which another thread may have a copy of.
struct CloneSettings {
  /// Mounted squashfs with /dev /proc /sys /run /tmp in it; tools run chrooted there.
  std::string stage2_root = "/tmp/stage2";
  std::string target = "/mnt/disk";              ///< also seen inside stage2_root under the same path
  std::string sysfs = "/sys", procfs = "/proc";  ///< where the kernel shows its devices, mounts and file systems
  std::string host_name = "";                    ///< from DHCP; empty: the golden node's name is kept, with a warning
  std::string hardware_address = "";             ///< of the card that it is cloned through; empty: not known
  std::string log_file = "";                     ///< copied into the clone's /var/log/ka
  bool booted_by_network = true;                 ///< false: this system may have come from a disk of this machine
  std::vector<std::string> target_rules = {};    ///< katarget= words of the command line: "sda=serial:WD-1234"
  std::string kernel_log = "/dev/kmsg";          ///< where the kernel says why a disk failed
};

/// And what it works with. Nothing here has a value by itself, so that whoever makes a context names all of it: the
/// compiler warns of what is missing.
struct CloneContext : CloneSettings {
  asio::io_context& io;
  Machine& machine;
  Log& log;
  ServerLink& link;
  Person& person;
  /// Loads a kernel module by its name or an alias ("fs-ext4"), of all.rdz or stage2. Throws Error.
  std::function<Awaitable<void>(std::string)> load_module;
  /// Called once, before anything is asked about this machine's disks: returns when its drivers are in and no device
  /// appears any more, or no longer waits.
  std::function<Awaitable<SettledDrivers>()> settle_drivers;
  /// Called once the server's limit for a step is known; may be empty.
  std::function<void(std::chrono::seconds)> limit_steps;
};

/// Every call that it makes may wait for a disk (agent/clone/clone_thread.h runs it where nobody waits for it).
/// Receives kainstall1, kainstall2, … and does the whole of docs/design.md "The order of a clone". Nothing outside of
/// this machine's RAM is changed before link.ask_to_write() has returned. On return all file systems are unmounted and
/// link.done() has not been called yet. Throws PutOut and ServerLost as the link gives them, Error for all else;
/// whatever was mounted is unmounted then, and a disk that was written to does not boot.
Awaitable<void> clone(CloneContext& context);

}  // namespace ka::agent
