#pragma once
/// Datagrams of a pair of Unix sockets, with descriptors that come along.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"

namespace ka::server {

struct Datagram {
  std::string bytes;  ///< empty: there will be no more, the other end is closed
  std::vector<UniqueFd> files;
};

/// A pair for datagrams that may be `longest`, in order, none lost. Throws Error.
struct DatagramPair {
  UniqueFd first, second;

  explicit DatagramPair(std::size_t longest);
};

/// What is there; nullopt: nothing yet. Of more than `longest` bytes, one more than that is returned. Throws Error.
std::optional<Datagram> receive_datagram(int socket, std::size_t longest);

/// Waits until it is taken. False: the other end is closed, or this is too long for it.
bool send_datagram(int socket, std::string_view bytes, const std::vector<int>& files);

}  // namespace ka::server
