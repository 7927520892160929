#include "server/keeper/datagram.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace ka::server {

namespace {

constexpr std::size_t most_files = 2;

void take_files(const msghdr& message, std::vector<UniqueFd>& files) {
  // NOLINTNEXTLINE: the macros are what the standard has
  for (const cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
       part = CMSG_NXTHDR(const_cast<msghdr*>(&message), const_cast<cmsghdr*>(part))) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof fd, sizeof fd);
      files.emplace_back(fd);
    }
  }
}

}  // namespace

DatagramPair::DatagramPair(std::size_t longest) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0)
    throw Error::from_errno("make a pair of sockets");
  first.reset(ends[0]);
  second.reset(ends[1]);
  // Only root goes beyond what the machine has as a limit.
  const int room = static_cast<int>(2 * longest);
  for (const int end : ends)
    if (::setsockopt(end, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room) != 0)
      ::setsockopt(end, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
}

std::optional<Datagram> receive_datagram(int socket, std::size_t longest) {
  Datagram datagram;
  datagram.bytes.resize(longest + 1);
  alignas(cmsghdr) char control[CMSG_SPACE(most_files * sizeof(int))];
  iovec room{datagram.bytes.data(), datagram.bytes.size()};
  msghdr message{};
  message.msg_iov = &room;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t size = ::recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return std::nullopt;
  if (size < 0 && errno != ECONNRESET) throw Error::from_errno("receive a datagram");
  datagram.bytes.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
  take_files(message, datagram.files);
  return datagram;
}

bool send_datagram(int socket, std::string_view bytes, const std::vector<int>& files) {
  alignas(cmsghdr) char control[CMSG_SPACE(most_files * sizeof(int))] = {};
  iovec content{const_cast<char*>(bytes.data()), bytes.size()};
  msghdr message{};
  message.msg_iov = &content;
  message.msg_iovlen = 1;
  if (!files.empty()) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(files.size() * sizeof(int));
    cmsghdr* part = CMSG_FIRSTHDR(&message);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(files.size() * sizeof(int));
    std::memcpy(CMSG_DATA(part), files.data(), files.size() * sizeof(int));
  }
  for (;;) {
    if (::sendmsg(socket, &message, MSG_NOSIGNAL) >= 0) return true;
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return false;
    pollfd writable{socket, POLLOUT, 0};
    ::poll(&writable, 1, -1);
  }
}

}  // namespace ka::server
