#pragma once
/// --pxe: the boot side of a job. dnsmasq as proxyDHCP and TFTP server beside whatever DHCP server the network has, and
/// an HTTP server of our own, both with a configuration of this run, below /run; nothing below /etc is touched. Both
/// end with the job, whatever ends it: what runs dnsmasq is killed by the kernel with this process, and it with that.

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/asio.h"
#include "server/job/job.h"
#include "wire/racks.h"

namespace ka::server {

struct BootOptions {
  std::string interface;    ///< that nodes are on; empty: the one with the default route
  std::string values_file;  ///< as pxe-config's --values; empty: none
  std::string images;       ///< folder of vmlinuz and all.rdz; empty: the installed one
  std::uint16_t http_port = 0, control_port = 0;
  unsigned tries = 1;               ///< how often a machine may fail
  std::optional<wire::Racks> only;  ///< who is answered: hardware addresses; else everybody
};

class BootSide final : public JobObserver {
 public:
  /// Reads and makes all files; nobody is answered yet. Throws Error if something is not there.
  BootSide(asio::io_context& io, const BootOptions& options);
  ~BootSide() override;

  /// Answers, from now until this is destroyed. `say` hears what an operator should. Throws Error if a port is taken.
  Awaitable<void> start(std::function<void(const std::string&)> say);
  /// Nobody is answered any more.
  void end();

  void event(const std::string&) override {}
  void node(const NodeStatus& status) override;
  void session_started(const Session&, unsigned, unsigned) override {}
  void session_progress(const Session&, const Progress&) override {}
  void session_ended(const Session&, std::uint64_t, std::chrono::duration<double>,
                     const std::vector<std::string>&) override {}
  void session_failed(const Session&) override {}

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace ka::server
