#pragma once
/// --pxe and `ka-server boot`: the boot side of a job. dnsmasq as TFTP server, and as proxyDHCP beside whatever DHCP
/// server the network has or, with --dhcp, as that server; and an HTTP server of our own, both with a configuration of
/// this run, below /run; nothing below /etc is touched. Both end with this process, whatever ends it: what runs dnsmasq
/// is killed by the kernel with it, and it with that.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/asio.h"
#include "server/boot/next_boot.h"
#include "wire/racks.h"

namespace ka::server {

struct BootOptions {
  std::string interface;    ///< that nodes are on; empty: the one with the default route
  std::string values_file;  ///< as pxe-config's --values; empty: none
  std::uint16_t http_port = 0, control_port = 0, data_port = 0;
  std::optional<asio::ip::address_v4> golden;  ///< where the job runs, at control_port; nothing: in this process
  unsigned tries = 1;                          ///< how often a machine may fail
  std::optional<wire::Racks> only;             ///< who is answered: hardware addresses; else everybody
  std::string kakey;                           ///< "KEY[,KEY]": what nodes know their server by; empty: they know none
  std::string dhcp;                    ///< "FIRST,LAST": addresses that it gives; empty: another server gives them
  unsigned nodes = 1;                  ///< that have to find one
  std::string templates, images, uki;  ///< as BootRequest has them
};

class BootSide final : public NextBoot {
 public:
  /// Reads and makes all files; nobody is answered yet. Throws Error if something is not there.
  BootSide(asio::io_context& io, const BootOptions& options);
  ~BootSide() override;

  /// Whether this machine and its network let it answer; returns what may be in the way and cannot be told for sure.
  /// Throws Error, with the remedy, for what is.
  Awaitable<std::vector<std::string>> check();
  /// Throws Error if a port is taken.
  Awaitable<void> start(Say say) override;
  void serve(bool on) override;
  void end() override;
  /// Boot files by HTTP, whose port is taken by start().
  void listens() override;
  void write(const std::string& hardware_address, const BootBook::Entry& entry) override;
  Command dnsmasq(bool open) const override;
  void remove_files() override;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace ka::server
