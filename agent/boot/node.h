#pragma once
/// The life of a node from the first driver to its release: network, server, stage2, drivers, clone.

#include <chrono>
#include <optional>
#include <string>

#include "agent/boot/boot_options.h"
#include "agent/boot/console_log.h"
#include "agent/boot/console_question.h"
#include "agent/boot/failure_screen.h"
#include "agent/boot/log_server.h"
#include "agent/boot/stage2.h"
#include "agent/clone/clone.h"
#include "agent/drivers/drivers.h"
#include "agent/link/server_link.h"
#include "agent/machine/linux_machine.h"
#include "agent/network/network.h"

namespace ka::agent {

class Node {
 public:
  Node(asio::io_context& io, ConsoleLog& log, const BootOptions& options);

  enum class End { cloned, shell };

  /// Returns when this machine is cloned and the server has released it; or, if a shell was asked for (kashell), when
  /// stage2 is there for one, and no disk was even looked at. Throws Error with what a person at the console needs to
  /// know; the server knows it too then, if it can be reached.
  Awaitable<End> run();

  /// For its screen, when it has failed: who it is, as far as it knows by now.
  FailedMachine as_failed(std::string reason) const;
  /// Lets its network card blink, for so long at most.
  void blink_for(unsigned seconds) const;

 private:
  Awaitable<void> get_onto_the_network();
  Awaitable<void> mount_drivers();
  void serve_log();
  Awaitable<void> be_cloned(ServerLink& link);
  Awaitable<void> tell(ServerLink& link, std::string reason);
  Awaitable<void> receive_stage2(ServerLink& link);
  Awaitable<void> clone_once(ServerLink& link);
  void use_drivers_of_stage2();
  Awaitable<SettledDrivers> settle_drivers();
  Awaitable<void> wait_for_a_disk();
  std::string uptime() const;

  asio::io_context& io_;
  ConsoleLog& log_;
  const BootOptions& options_;
  std::chrono::steady_clock::time_point started_;
  LinuxMachine machine_;
  Drivers drivers_;
  Network network_;
  Stage2 stage2_;
  std::optional<LogServer> log_server_;
  ConsolePerson person_;
};

}  // namespace ka::agent
