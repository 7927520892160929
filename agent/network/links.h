#pragma once
/// The network interfaces of this machine: which there are, whether they have a carrier, and setting them up; over
/// rtnetlink(7).

#include <functional>
#include <map>

#include "agent/network/lease.h"
#include "agent/network/netlink.h"
#include "base/asio.h"
#include "base/unique_fd.h"

namespace ka::agent {

/// Follows the interfaces from construction to destruction; calls `changed` for each one that came, went (`gone`), or
/// is not as it was. Interfaces that are there already are told from start().
class Links {
 public:
  using Changed = std::function<void(const Link& link, bool gone)>;

  /// Throws Error if the kernel has no rtnetlink.
  Links(asio::io_context& io, Changed changed);
  void start();

  const std::map<int, Link>& all() const { return links_; }

  /// These return when the kernel has done it; Error, naming the interface, if it refuses.
  void switch_on(const Link& link);
  void set(const Link& link, const Lease& lease, std::uint32_t metric);
  void unset(const Link& link, const Lease& lease);

 private:
  void request(const NetlinkBytes& message, const std::string& doing);
  void wait();
  void read_all();
  void take(const NetlinkAnswer& answer);

  std::uint32_t sequence_ = 0;
  UniqueFd requests_;
  asio::posix::stream_descriptor news_;
  Changed changed_;
  std::map<int, Link> links_;
};

}  // namespace ka::agent
