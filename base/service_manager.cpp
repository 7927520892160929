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

ServiceManager::ServiceManager() : address_(taken("NOTIFY_SOCKET")) {
  const std::string period = taken("WATCHDOG_USEC"), pid = taken("WATCHDOG_PID");
  // Of other kinds of sockets (vsock:) only a virtual machine's own manager has a use.
  if (address_.size() < 2 || address_.size() >= sizeof sockaddr_un::sun_path) return;
  if (address_[0] == '@') address_[0] = '\0';
  if (address_[0] != '\0' && address_[0] != '/') return;
  socket_.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!pid.empty() && pid != std::to_string(::getpid())) return;
  if (auto microseconds = parse_unsigned(period); microseconds && *microseconds > 0)
    watchdog_ = std::chrono::microseconds(*microseconds);
}

bool ServiceManager::tell(std::string_view lines) const {
  if (!socket_.valid()) return false;
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path, address_.data(), address_.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
  return ::sendto(socket_.get(), lines.data(), lines.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&to),
                  size) == static_cast<ssize_t>(lines.size());
}

}  // namespace ka
