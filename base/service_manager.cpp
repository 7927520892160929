#include "base/service_manager.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>

#include "base/text.h"

namespace ka {

namespace {

std::string taken(const char* variable) {
  const char* value = ::getenv(variable);
  std::string text = value == nullptr ? "" : value;
  ::unsetenv(variable);
  return text;
}

}  // namespace

ServiceManager::ServiceManager() {
  std::string address = taken("NOTIFY_SOCKET");
  const std::string period = taken("WATCHDOG_USEC"), pid = taken("WATCHDOG_PID");
  // Of other kinds of sockets (vsock:) only a virtual machine's own manager has a use.
  if (address.size() < 2 || address.size() >= sizeof sockaddr_un::sun_path) return;
  if (address[0] == '@') address[0] = '\0';
  if (address[0] != '\0' && address[0] != '/') return;
  socket_.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  // Now: a process that gives up the sight of this machine's files finds it by no path later.
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path, address.data(), address.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address.size());
  (void)::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&to), size);
  if (!pid.empty() && pid != std::to_string(::getpid())) return;
  if (auto microseconds = parse_unsigned(period); microseconds && *microseconds > 0)
    watchdog_ = std::chrono::microseconds(*microseconds);
}

bool ServiceManager::tell(std::string_view lines) const {
  if (!socket_.valid()) return false;
  return ::send(socket_.get(), lines.data(), lines.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(lines.size());
}

}  // namespace ka
