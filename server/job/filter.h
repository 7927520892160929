#pragma once
/// A program that a stream is piped through: zstd, which packs or unpacks it.

#include <memory>
#include <string>

#include "base/asio.h"
#include "base/process.h"

namespace ka::server {

/// Who has started it must stop() it, also after its end.
class Filter {
 public:
  virtual ~Filter() = default;
  /// Until it can be fed and read. Throws Error if it could not be started.
  virtual Awaitable<void> started() = 0;
  virtual asio::posix::stream_descriptor& in() = 0;
  virtual asio::posix::stream_descriptor& out() = 0;
  /// Waits for its end; throws Error, with its last words, unless it ended well.
  virtual Awaitable<void> wait_for_success() = 0;
  /// What waits for it ends with an error.
  virtual void stop() noexcept = 0;
};

using StartFilter = std::function<std::shared_ptr<Filter>()>;

/// As a child of this process. Throws Error if it cannot be executed.
std::shared_ptr<Filter> own_filter(asio::io_context& io, const Command& command);

/// zstd as a session's compression wants it (chunk_source.h).
Command packing_command(const std::string& compression);
Command unpacking_command();

}  // namespace ka::server
