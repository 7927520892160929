#pragma once
/// Where a stream's bytes go on this node.

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "base/asio.h"
#include "base/piped_process.h"
#include "base/unique_fd.h"

namespace ka::agent {

class Sink {
 public:
  virtual ~Sink() = default;
  /// Takes all of `bytes`, the next ones of the stream. Throws Error if it cannot: disk full, program ended.
  virtual Awaitable<void> write(std::span<const std::byte> bytes) = 0;
  /// After the last byte, once the digest of the whole stream was found right: flushes, waits for the
  /// program's end. Throws Error if it did not end well. Only after this is the stream received.
  virtual Awaitable<void> close() = 0;
  /// The stream will not be completed: stop whatever is running and give everything back.
  virtual void abort() noexcept = 0;
};

/// Keeps the bytes; fails beyond `limit`.
class BufferSink final : public Sink {
 public:
  explicit BufferSink(std::size_t limit) : limit_(limit) {}
  Awaitable<void> write(std::span<const std::byte> bytes) override;
  Awaitable<void> close() override;
  void abort() noexcept override;
  const std::string& content() const { return content_; }

 private:
  std::size_t limit_;
  std::string content_;
};

/// A file, block device, pipe or terminal. A child of this process writes it and at the end syncs it, so that nothing
/// here ever waits for a disk, or for whoever reads the pipe. Nothing of the file is touched before the first byte has
/// come, or close().
class FileSink final : public Sink {
 public:
  enum class From {
    start,  ///< a file is emptied first; a device is written from its beginning
    here    ///< where the descriptor stands, as the shell does it
  };

  /// An open file; `name` is for messages.
  FileSink(asio::io_context& io, UniqueFd file, const std::string& name, From from = From::start);
  /// A block device, which a stream of extents (wire/extents.h) goes onto; `size`: of the device that they come from.
  /// Its first 4096 bytes are written when all others are on the disk: half a copy is no file system.
  FileSink(asio::io_context& io, UniqueFd device, const std::string& name, std::uint64_t size);
  /// The child opens it: a file that is not there yet is made, one that is there is emptied; a FIFO waits for a reader.
  FileSink(asio::io_context& io, const std::string& path);
  ~FileSink() override;
  Awaitable<void> write(std::span<const std::byte> bytes) override;
  Awaitable<void> close() override;
  void abort() noexcept override;

 private:
  std::string name_;
  std::shared_ptr<PipedProcess> writer_;
};

/// The standard input of a program. What it prints on stderr goes line by line to `on_line`, and the last
/// of it into the Error if it fails.
class CommandSink final : public Sink {
 public:
  CommandSink(asio::io_context& io, const Command& command, std::function<void(std::string_view)> on_line);
  ~CommandSink() override;
  Awaitable<void> write(std::span<const std::byte> bytes) override;
  Awaitable<void> close() override;
  void abort() noexcept override;

 private:
  std::shared_ptr<PipedProcess> program_;
};

}  // namespace ka::agent
