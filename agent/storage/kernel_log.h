#pragma once
/// What the kernel says about a disk that fails: its log, and the counter of a file system.

#include <cstdint>
#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace ka::agent {

/// The kernel's log from the moment this is made.
class KernelLog {
 public:
  /// /dev/kmsg, usually. One that cannot be opened says nothing.
  explicit KernelLog(const std::string& path);

  /// Lines since the start that tell of an error of one of these devices ("vda", and with it "vda1"), each text once,
  /// the first few. Never throws.
  std::vector<std::string> errors_of(const std::vector<std::string>& disks);

 private:
  void read_on();

  UniqueFd fd_;
  std::vector<std::string> lines_;  // that tell of an error of some device
};

/// Whether a line of the kernel's log tells of an error of `disk` or a partition of it; `write`: of a failed write.
bool tells_of_error(const std::string& line, const std::string& disk);
bool tells_of_lost_write(const std::string& line);

/// How many errors an ext file system has met since it was made: /sys/fs/ext4/sda1/errors_count; 0 where there is none.
std::uint64_t ext_errors(const std::string& sysfs, const std::string& partition);

}  // namespace ka::agent
