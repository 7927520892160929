#pragma once
/// Everything that changes the machine goes through here, so that the order of what a clone does can be
/// tested without root and without a disk. The real one is LinuxMachine (agent/linux_machine.h).

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <sys/types.h>

#include "agent/block_device.h"
#include "agent/sink.h"
#include "base/asio.h"
#include "base/process.h"

namespace ka::agent {

class Machine {
 public:
  virtual ~Machine() = default;

  /// Runs a program to its end; Command::root says where (stage2, the clone). Throws Error with its last
  /// words unless it ended with 0. Each line it prints goes to `line`.
  virtual Awaitable<void> run(const Command& command, std::function<void(std::string_view)> line = {}) = 0;
  /// As run, and returns its stdout.
  virtual Awaitable<std::string> output_of(const Command& command) = 0;

  /// A stream into a program's standard input, or onto a block device that is there, from its start; the device is
  /// opened as open_device_alone does it.
  virtual std::unique_ptr<Sink> command_sink(const Command& command, std::function<void(std::string_view)> line) = 0;
  virtual std::unique_ptr<Sink> device_sink(const std::string& path) = 0;

  virtual void mount(const std::string& source, const std::string& target, const std::string& type,
                     unsigned long flags = 0, const std::string& data = "") = 0;
  /// A bind mount of everything under `source` (MS_BIND | MS_REC).
  virtual void bind(const std::string& source, const std::string& target) = 0;
  virtual void unmount(const std::string& target) = 0;

  virtual void make_directories(const std::string& path, mode_t mode = 0755) = 0;
  virtual void write_file(const std::string& path, std::string_view content, mode_t mode = 0644) = 0;
  virtual void remove_file(const std::string& path) = 0;  ///< no error if it is not there
  virtual void make_socket(const std::string& path) = 0;  ///< a UNIX socket's inode, as mknod(2) makes it
  virtual void set_owner(const std::string& path, std::uint32_t uid, std::uint32_t gid) = 0;
  virtual void set_mode(const std::string& path, mode_t mode) = 0;
  virtual void set_mtime(const std::string& path, std::int64_t seconds, std::uint32_t nanoseconds) = 0;

  /// Opens a whole disk for this process alone (open_device_alone), or, if it is open already, takes it for this
  /// process alone once more. Until close_disks its descriptor is kept, so that its name cannot become another disk's.
  virtual DeviceFacts claim_disk(const std::string& path) = 0;
  /// The disk stays open, but programs and mounts may have its partitions, each for itself.
  virtual void share_disk(const std::string& path) = 0;
  virtual void close_disks() noexcept = 0;
  // These three are for disks that are open, by their descriptor.
  virtual void write_device(const std::string& path, std::uint64_t offset, std::string_view bytes) = 0;  ///< and fsync
  /// Exactly `size` bytes. Here, since what is read back decides what is written next.
  virtual std::string read_device(const std::string& path, std::uint64_t offset, std::size_t size) = 0;
  /// Has the kernel look at a disk's partition table again (BLKRRPART); the device nodes are there on return.
  virtual void reread_partitions(const std::string& path) = 0;
  virtual void sync() = 0;
};

}  // namespace ka::agent
