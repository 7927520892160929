#pragma once
/// Who is heard at a port of ours, and how often: whoever floods one takes a fixed share of this machine's processor
/// time, memory and log, however much it sends.

#include <cstdint>
#include <memory>

#include "base/asio.h"

namespace ka::net {

/// Each IPv4 address may come so often. From one that comes more often the kernel drops everything for a second, before
/// it costs a system call or takes a place in the socket's queue from others: a classic BPF filter (socket(7),
/// SO_ATTACH_FILTER), which a listening TCP socket applies to SYNs too. An honest TCP sends again what was dropped.
/// Where the kernel does not let this process filter, each that comes too often is accepted and closed.
class Door {
 public:
  /// `burst` at once, then `per_second`.
  Door(asio::io_context& io, double per_second, double burst);
  ~Door();

  /// The socket at which they come, a UDP one or a listening TCP one; -1, before it is closed: none any more.
  void guards(int socket);
  /// Whether the address, in host order, may come once more now; if not, it is not heard for a second.
  bool admits(std::uint32_t address);
  /// A connection that was accepted has the filter of that moment, and needs none.
  static void unfilter(int socket);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace ka::net
