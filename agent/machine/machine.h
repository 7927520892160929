#pragma once
/// Everything that changes the machine goes through here, so that the order of what a clone does can be
/// tested without root and without a disk. The real one is LinuxMachine (agent/machine/linux_machine.h).

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <sys/types.h>

#include "agent/machine/block_device.h"
#include "agent/machine/sink.h"
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

  /// A stream into a program's standard input.
  virtual std::unique_ptr<Sink> command_sink(const Command& command, std::function<void(std::string_view)> line) = 0;
  /// A stream of extents (wire/extents.h) onto a block device that is there, opened as open_device_alone does it.
  /// `size`: of the golden one.
  virtual std::unique_ptr<Sink> device_sink(const std::string& path, std::uint64_t size) = 0;

  virtual void mount(const std::string& source, const std::string& target, const std::string& type,
                     unsigned long flags = 0, const std::string& data = "") = 0;
  /// A bind mount of everything under `source` (MS_BIND | MS_REC).
  virtual void bind(const std::string& source, const std::string& target) = 0;
  virtual void unmount(const std::string& target) = 0;

  /// From now on, failed writes to the file system that was just mounted from `device` are noted.
  virtual void watch_writes(const std::string& target, const std::string& device) = 0;
  /// Writes back all of a watched file system, as long as it takes. Throws Error if any write to it has failed since
  /// watch_writes, also one that nobody was told of.
  virtual Awaitable<void> write_back(const std::string& target) = 0;
  /// After the device was unmounted: has it write what its cache holds, and drops what this machine remembers of it,
  /// so that the next read is one from the disk. Throws Error if a write to it has failed since watch_writes.
  virtual Awaitable<void> finish_writes(const std::string& device) = 0;
  /// Closes what watch_writes keeps open of it, without which an array, a volume or a mapping cannot be stopped.
  virtual void release(const std::string& device) = 0;

  virtual void make_directories(const std::string& path, mode_t mode = 0755) = 0;
  /// A regular file that is there gets another content and keeps everything else: owner, mode, hard links, ACLs and
  /// other extended attributes. One that is not there is made with `mode`.
  virtual void write_file(const std::string& path, std::string_view content, mode_t mode = 0644) = 0;
  /// Or an empty directory. No error if it is not there.
  virtual void remove_file(const std::string& path) = 0;
  virtual void remove_directory(const std::string& path) = 0;  ///< an empty one
  virtual void rename(const std::string& from, const std::string& to) = 0;
  virtual void make_socket(const std::string& path) = 0;  ///< a UNIX socket's inode, as mknod(2) makes it
  virtual void set_owner(const std::string& path, std::uint32_t uid, std::uint32_t gid) = 0;
  virtual void set_mode(const std::string& path, mode_t mode) = 0;
  virtual void set_mtime(const std::string& path, std::int64_t seconds, std::uint32_t nanoseconds) = 0;
  virtual void set_attribute(const std::string& path, const std::string& name, const std::string& value) = 0;
  /// Of chattr(1) those in wire::carried_inode_flags, all others as they are; and the project id.
  virtual void set_inode_flags(const std::string& path, std::uint32_t flags, std::uint32_t project) = 0;

  /// Opens a whole disk for this process alone (open_device_alone), or, if it is open already, takes it for this
  /// process alone once more. Until close_disks its descriptor is kept, so that its name cannot become another disk's.
  virtual DeviceFacts claim_disk(const std::string& path) = 0;
  /// The disk stays open, but programs and mounts may have its partitions, each for itself.
  virtual void share_disk(const std::string& path) = 0;
  virtual void close_disks() noexcept = 0;
  // These three are for disks that are open, by their descriptor.
  virtual void write_device(const std::string& path, std::uint64_t offset, std::string_view bytes) = 0;  ///< and fsync
  /// Exactly `size` bytes, from the disk and not from memory. Here, since what is read back decides what is written
  /// next. Also for an array, a volume or a mapping, which is opened for it.
  virtual std::string read_device(const std::string& path, std::uint64_t offset, std::size_t size) = 0;
  /// Has the kernel look at a disk's partition table again (BLKRRPART); the device nodes are there on return.
  virtual void reread_partitions(const std::string& path) = 0;

  /// From now on run() and output_of() end a program after this time, with an Error that says so; 0: never.
  void limit_programs(std::chrono::seconds limit) { program_limit_ = limit; }

 protected:
  std::chrono::seconds program_limit_{0};
};

}  // namespace ka::agent
