#include "agent/drivers/uevent.h"

#include <linux/netlink.h>
#include <sys/socket.h>

#include <array>

#include "base/error.h"
#include "base/text.h"
#include "base/unique_fd.h"

namespace ka::agent {

std::optional<Uevent> parse_uevent(std::string_view datagram) {
  auto fields = split(datagram, '\0');
  if (fields.front().find('@') == std::string_view::npos) return std::nullopt;
  Uevent event;
  for (std::string_view field : fields) {
    const std::size_t equals = field.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view key = field.substr(0, equals), value = field.substr(equals + 1);
    if (key == "ACTION") event.action = value;
    if (key == "DEVPATH") event.path = value;
    if (key == "SUBSYSTEM") event.subsystem = value;
    if (key == "MODALIAS") event.modalias = value;
  }
  if (event.action.empty() || event.path.empty()) return std::nullopt;
  return event;
}

UeventMonitor::UeventMonitor(asio::io_context& io, std::function<void(const Uevent&)> event,
                             std::function<void()> overflow)
    : socket_(io), event_(std::move(event)), overflow_(std::move(overflow)) {
  UniqueFd fd(::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT));
  if (!fd.valid()) throw Error::from_errno("open the kernel's device events");
  // A module that brings hundreds of devices at once must not overflow the socket.
  const int room = 4 << 20;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = 1;  // the kernel's own
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    throw Error::from_errno("listen to the kernel's device events");
  }
  socket_.assign(fd.release());
  wait();
}

void UeventMonitor::wait() {
  socket_.async_wait(asio::posix::descriptor_base::wait_read, [this](boost::system::error_code error) {
    if (error) return;  // being destroyed
    read_all();
    wait();
  });
}

void UeventMonitor::read_all() {
  std::array<char, 16384> buffer;
  for (;;) {
    sockaddr_nl from{};
    socklen_t from_size = sizeof from;
    const ssize_t size = ::recvfrom(socket_.native_handle(), buffer.data(), buffer.size(), 0,
                                    reinterpret_cast<sockaddr*>(&from), &from_size);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == ENOBUFS) {
      overflow_();
      continue;
    }
    if (size < 0) return;
    if (from.nl_pid != 0) continue;  // only the kernel speaks for devices
    if (auto event = parse_uevent({buffer.data(), static_cast<std::size_t>(size)})) event_(*event);
  }
}

}  // namespace ka::agent
