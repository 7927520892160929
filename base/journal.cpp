#include "base/journal.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace ka {

namespace {

// What is told are sentences: all fields of an entry fit into a datagram, whose limit is some 200 KiB, and no file has
// to be handed over for them.
constexpr std::size_t longest_value = 16u << 10;

void add_field(std::string& entry, const std::string& name, std::string_view value) {
  value = value.substr(0, longest_value);
  entry += name;
  if (value.find('\n') == std::string_view::npos) {
    entry += '=';
  } else {  // its length, 64 bits with the least byte first
    entry += '\n';
    for (std::uint64_t i = 0, size = value.size(); i < 8; ++i, size >>= 8) entry += static_cast<char>(size & 0xff);
  }
  entry += value;
  entry += '\n';
}

}  // namespace

std::string journal_entry(const JournalFields& fields) {
  std::string entry;
  for (const auto& [name, value] : fields) add_field(entry, name, value);
  return entry;
}

Journal::Journal(std::string socket) : path_(std::move(socket)) {
  if (path_.size() < sizeof sockaddr_un::sun_path)
    socket_.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

// By its path each time: a journald that was started anew is found again.
bool Journal::tell(const JournalFields& fields) const {
  if (!socket_.valid()) return false;
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path, path_.data(), path_.size());
  const std::string entry = journal_entry(fields);
  return ::sendto(socket_.get(), entry.data(), entry.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&to),
                  sizeof to) == static_cast<ssize_t>(entry.size());
}

bool is_journal(int fd) {
  const char* stream = ::getenv("JOURNAL_STREAM");
  struct stat status {};
  if (stream == nullptr || ::fstat(fd, &status) != 0) return false;
  return stream == std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
}

}  // namespace ka
