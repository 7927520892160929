#pragma once
/// The kept log of one node, a file that only grows: what its log port gives, with a heading before each start of the
/// machine. A node gives its whole log to whoever connects; of what a second connection gives again nothing is written
/// twice. While this lives the file is locked, so that a reader can tell whether more may come.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"

namespace ka::server {

class LogFile {
 public:
  /// More than the logs of two starts; whoever sends more is cut short.
  static constexpr std::uint64_t largest = 20u << 20;
  /// What is left free of the file system, for the machine itself; of a small one, a twentieth.
  static constexpr std::uint64_t least_free = 64u << 20;

  /// Opens `name` in `folder`, an open directory, or makes it. Throws Error, also if another one has it.
  LogFile(int folder, std::string name);

  /// A new connection: what comes is the node's log from its first byte.
  void begin(std::string heading);
  /// What the node's log port gave. Throws Error if it cannot be written: no room is left, say.
  void take(std::string_view bytes);
  /// A line of this side's own.
  void remark(std::string_view text);
  /// Is one open for writing there? `fd` is open for reading. Asks only, and takes no lock.
  static bool more_may_come(int fd);
  /// No more is taken.
  bool full() const { return full_; }
  /// The node has said something.
  bool has_something() const { return !parts_.empty(); }

 private:
  struct Part {
    std::uint64_t offset = 0, size = 0;
  };

  std::size_t same(std::string_view bytes);
  void another_start();
  void keep(std::string_view bytes);
  void write_heading();
  void append(std::string_view bytes);
  std::string content(std::uint64_t offset, std::size_t size) const;

  std::string name_, heading_;
  UniqueFd fd_;
  std::uint64_t size_ = 0;
  bool line_ended_ = true, full_ = false;
  std::vector<Part> parts_;  // where in the file the present start of the node is
  bool comparing_ = false;   // is what comes what is there already?
  std::size_t part_ = 0;     // up to here it was
  std::uint64_t in_part_ = 0;
};

}  // namespace ka::server
