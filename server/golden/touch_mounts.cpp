#include "server/golden/touch_mounts.h"

#include <fcntl.h>
#include <unistd.h>

#include <set>

#include "base/child_work.h"
#include "base/error.h"
#include "base/text.h"

namespace ka::server {

namespace {

// Opened as a directory: looking at its inode alone does not mount it.
std::string go_there(const std::string& point) {
  const int fd = ::open(point.c_str(), O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC);
  if (fd >= 0) ::close(fd);
  return {};
}

std::set<std::string> automounts(const std::vector<Mount>& mounts, const std::vector<FstabEntry>& fstab) {
  std::set<std::string> points;
  for (const Mount& mount : mounts)
    if (mount.type == "autofs") points.insert(mount.point);
  for (const FstabEntry& entry : fstab)
    if (entry.has_option("x-systemd.automount")) points.insert(entry.point);
  return points;
}

}  // namespace

Awaitable<std::vector<std::string>> touch_automounts(asio::io_context& io, std::vector<Mount> mounts,
                                                     std::vector<FstabEntry> fstab) {
  constexpr std::chrono::seconds limit(5);
  std::vector<std::string> silent;
  std::size_t waiting = 0;
  asio::steady_timer all_done(io, asio::steady_timer::time_point::max());
  auto touch = [&](std::string point) -> Awaitable<void> {
    std::string doing = "go to " + escape_bytes(point);
    std::function<std::string()> work = [point] { return go_there(point); };
    try {
      co_await in_child(io, doing, work, limit);
    } catch (const std::exception& error) {
      silent.push_back(error.what());
    }
    if (--waiting == 0) all_done.cancel();
  };
  // Side by side: together they take no longer than one.
  const std::set<std::string> points = automounts(mounts, fstab);
  waiting = points.size();
  for (const std::string& point : points) asio::co_spawn(io, touch(point), asio::detached);
  if (waiting > 0) co_await all_done.async_wait(asio::as_tuple(asio::use_awaitable));
  co_return silent;
}

}  // namespace ka::server
