#pragma once
/// The sessions of a clone, into an image instead of through a chain.

#include <functional>
#include <string>
#include <vector>

#include "base/asio.h"
#include "server/job/job.h"
#include "server/shelf/image_writer.h"

namespace ka::server {

/// A session and what its file is called.
struct ToStore {
  Session session;
  std::string name;         ///< "system.tar"; with .zst behind it where it is packed
  std::string compression;  ///< "off" or a level of zstd's
  std::string key;          ///< says all that its bytes depend on; empty: nothing does, it is read again each time
};

struct Stored {
  StoredStream stream;
  std::vector<std::string> warnings;
  bool noted = false;  ///< by an earlier run; nothing was read
};

/// Reads the session's source to its end, and tells `progress` how many bytes it has given. Throws Error of the source,
/// or of the folder. `key_now` is asked at the end: what has changed meanwhile is not noted.
Awaitable<Stored> store(asio::io_context& io, ImageWriter& writer, ToStore what, std::function<std::string()> key_now,
                        std::function<void(std::uint64_t)> progress);

/// What a block device's content depends on as far as can be told without reading it: that it was not written to by its
/// name since the same boot. Empty: not known.
std::string untouched_key(const std::string& device, const std::string& sysfs = "/sys",
                          const std::string& procfs = "/proc");

}  // namespace ka::server
