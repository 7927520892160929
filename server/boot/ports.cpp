#include "server/boot/ports.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdio>
#include <filesystem>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "base/unique_fd.h"

namespace ka::server {

namespace {

// Without SO_REUSEADDR for UDP: with it, two servers could both have the port and each get half of the questions.
bool is_free(const ServerPort& port, const std::string& interface, asio::ip::address_v4 address) {
  const bool tcp = port.protocol == ServerPort::tcp;
  const UniqueFd fd(::socket(AF_INET, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0));
  if (!fd.valid()) throw Error::from_errno("try " + port.text());
  const int on = 1;
  if (tcp) ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (!tcp && ::setsockopt(fd.get(), SOL_SOCKET, SO_BINDTODEVICE, interface.c_str(),
                           static_cast<socklen_t>(interface.size())) != 0)
    throw Error::from_errno("use " + interface + " alone");
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port.number);
  at.sin_addr.s_addr = htonl(address.to_uint());
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0 && (!tcp || ::listen(fd.get(), 1) == 0))
    return true;
  if (errno != EADDRINUSE) throw Error::from_errno("try " + port.text());
  return false;
}

// proc(5), net/udp: the fields are number, local and remote address, state, queues, timers, retransmits, uid, timeout,
// inode.
std::set<std::string> inodes_of(const ServerPort& port) {
  const bool tcp = port.protocol == ServerPort::tcp;
  char ending[8];
  std::snprintf(ending, sizeof ending, ":%04X", port.number);
  std::set<std::string> inodes;
  const std::string table =
      read_file_if_any(std::string("/proc/thread-self/net/") + (tcp ? "tcp" : "udp")).value_or("");
  for (const std::string_view line : split(table, '\n')) {
    const std::vector<std::string_view> fields = words(line);
    constexpr std::string_view listens = "0A";
    if (fields.size() < 10 || !fields[1].ends_with(ending) || (tcp && fields[3] != listens)) continue;
    inodes.insert("socket:[" + std::string(fields[9]) + "]");
  }
  return inodes;
}

bool has_one(const std::filesystem::path& descriptors, const std::set<std::string>& sockets) {
  std::error_code gone;
  for (std::filesystem::directory_iterator i(descriptors, gone), end; !gone && i != end; i.increment(gone)) {
    std::error_code unreadable;
    if (sockets.count(std::filesystem::read_symlink(i->path(), unreadable).string()) > 0) return true;
  }
  return false;
}

// The unit that systemd runs it in; empty: none.
std::string unit_of(const std::string& process) {
  const std::string groups = read_file_if_any(process + "/cgroup").value_or("");
  for (const std::string_view line : split(groups, '\n')) {
    const std::string_view name = line.substr(line.rfind('/') + 1);
    if (name.ends_with(".service")) return std::string(name);
  }
  return {};
}

}  // namespace

std::string ServerPort::text() const {
  return (protocol == tcp ? "TCP port " : "UDP port ") + std::to_string(number) + " (" + what + ")";
}

std::string who_has(const ServerPort& port, const std::string& interface, asio::ip::address_v4 address) {
  if (is_free(port, interface, address)) return {};
  const std::set<std::string> sockets = inodes_of(port);
  for (const std::string& name : list_directory("/proc")) {
    if (!parse_unsigned(name)) continue;
    const std::string process = "/proc/" + name;
    if (!has_one(process + "/fd", sockets)) continue;
    const std::string unit = unit_of(process);
    const std::string program(trim(read_file_if_any(process + "/comm").value_or("a program")));
    return program + " (process " + name + (unit.empty() ? "" : "; systemctl stop " + unit + " ends it") + ")";
  }
  return "a program that cannot be seen from here";
}

}  // namespace ka::server
