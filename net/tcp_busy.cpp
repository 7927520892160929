#include "net/tcp_busy.h"

// Its tcp_info is newer than that of netinet/tcp.h.
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace ka::net {

std::chrono::microseconds tcp_busy(int socket) {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return std::chrono::microseconds(0);
  return std::chrono::microseconds(info.tcpi_busy_time);
}

}  // namespace ka::net
