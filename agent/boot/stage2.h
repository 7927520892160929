#pragma once
/// stage2 (rescue.sqfs): the distribution's tools, received into RAM and mounted as it is, compressed.

#include <string>

#include "agent/drivers/drivers.h"
#include "agent/link/server_link.h"
#include "agent/machine/log.h"
#include "agent/machine/machine.h"

namespace ka::agent {

class Stage2 {
 public:
  static constexpr const char* root = "/tmp/stage2";  ///< where it is mounted
  static constexpr const char* file = "/tmp/rescue.sqfs";

  Stage2(Machine& machine, Log& log, Drivers& drivers) : machine_(machine), log_(log), drivers_(drivers) {}

  /// Receives the session and mounts what came, with /dev /proc /sys /run /mnt of this system and a /tmp of its own
  /// inside; what is mounted below /mnt later is seen inside too. Throws as ServerLink::receive does, and Error when
  /// what came is no stage2.
  Awaitable<void> receive(ServerLink& link, const std::string& session);

  bool mounted() const { return mounted_; }

 private:
  Awaitable<void> mount();

  Machine& machine_;
  Log& log_;
  Drivers& drivers_;
  bool mounted_ = false;
};

}  // namespace ka::agent
