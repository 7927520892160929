#pragma once
/// Where the bytes of a session come from.

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/asio.h"
#include "base/process.h"
#include "base/unique_fd.h"
#include "server/job/filter.h"
#include "wire/extents.h"

namespace ka::server {

/// Destroying a Source stops what it reads from; a read() that waits then throws. None blocks the calling thread.
class Source {
 public:
  virtual ~Source() = default;
  /// Reads at most `room.size()` bytes; 0 means the end was reached. Throws Error if reading fails.
  virtual Awaitable<std::size_t> read(std::span<std::byte> room) = 0;
  /// After the end: did it end well? Throws Error (reason for every node) when the stream must not be
  /// used: the command's exit status. Returns warnings for the summary otherwise (tar's status 1).
  virtual Awaitable<std::vector<std::string>> finish() = 0;
  /// Instead of read(), once: what its bytes come out of, for another process to read to its end. Throws Error if it
  /// has none.
  virtual Awaitable<UniqueFd> hand_over();
};

/// Bytes in memory (the manifest).
std::unique_ptr<Source> buffer_source(std::string bytes);

/// Bytes that `work` makes, in a child of this process. What it throws is thrown by finish().
std::unique_ptr<Source> computed_source(asio::io_context& io, const std::string& doing,
                                        std::function<std::string()> work);

/// What `body` writes to its standard output, in a child of this process; argv is what that is called. What it throws
/// is thrown by finish().
std::unique_ptr<Source> child_source(asio::io_context& io, std::vector<std::string> argv, std::function<void()> body);

/// A file, a block device or a FIFO, opened and read by a child: what waits for a disk, a server of files or a writer
/// is not this process. What fails is thrown by finish().
std::unique_ptr<Source> file_source(asio::io_context& io, const std::string& path);

/// Stretches of a block device, packed as wire/extents.h says. `find` tells which, once the first byte is asked for;
/// what it throws, read() throws. `size`: of the device. `alone`: nobody else may have it meanwhile, by a mount above
/// all.
struct ExtentsToRead {
  std::vector<wire::Extent> extents;
  bool alone = false;
};
std::unique_ptr<Source> extents_source(asio::io_context& io, const std::string& path, std::uint64_t size,
                                       std::function<Awaitable<ExtentsToRead>()> find);

/// Can `path` be a file_source()? Asked before anybody waits. Throws Error if it is not there, may not be read, or is a
/// directory. Returns its size in bytes; 0: not known beforehand (a FIFO).
std::uint64_t check_file_source(const std::string& path);

/// A program's standard output. Exit status 0 is right; `warning_status`, if not 0, is right with a warning
/// that carries what the program said last; all others fail the stream. Each line of its standard error goes to
/// `on_line`, if there is one, and finish() leaves the warning to it then.
std::unique_ptr<Source> command_source(asio::io_context& io, const Command& command, int warning_status = 0,
                                       std::function<void(std::string_view)> on_line = {});

/// What zstd's bytes of `packed` stand for. Throws what that throws before zstd's own words on what is broken. `start`
/// starts zstd; without it, it is a child of this process.
std::unique_ptr<Source> unpacking_source(asio::io_context& io, std::unique_ptr<Source> packed,
                                         const StartFilter& start = {});

}  // namespace ka::server
