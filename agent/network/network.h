#pragma once
/// Gets this machine onto the network, as the command line asks: which interfaces, DHCP or static, and keeps it there.

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/machine/log.h"
#include "agent/network/dhcp_client.h"
#include "agent/network/links.h"
#include "agent/network/network_options.h"

namespace ka::agent {

class Network {
 public:
  Network(asio::io_context& io, Log& log, const NetworkOptions& options);

  /// Follows the interfaces from now on: switches on those that are meant, and asks for addresses where there is a
  /// carrier, on all of them at once.
  void start();

  /// Returns when the first interface has its address. Throws Error after a few minutes, and says of each interface
  /// what it lacks.
  Awaitable<void> wait_until_up();

  /// An interface with an address.
  struct Up {
    Link link;
    Lease lease;
  };
  /// In the order in which they got them; empty before wait_until_up() returned.
  std::vector<Up> up() const;

 private:
  struct Interface {
    Link link;
    std::string lacks;  // why it cannot be switched on; empty: it is, or was not tried
    std::unique_ptr<DhcpClient> dhcp;
    std::optional<Lease> lease;
    unsigned order = 0;  // of the leases; also the metric of its route
    std::chrono::steady_clock::time_point carrier_since{};
  };

  bool meant(const Link& link) const;
  void changed(const Link& link, bool gone);
  void switch_on(Interface& interface);
  void carrier(Interface& interface);
  void set(int index, Lease lease);
  void unset(int index);
  void write_names(const Lease& lease);
  std::string state() const;

  asio::io_context& io_;
  Log& log_;
  const NetworkOptions& options_;
  std::map<int, Interface> interfaces_;
  unsigned leases_ = 0;
  asio::steady_timer first_lease_;
  std::chrono::steady_clock::time_point started_;
  std::unique_ptr<Links> links_;
};

}  // namespace ka::agent
