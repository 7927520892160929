#pragma once
/// What started this system: an image that the machine's firmware has verified, kernel command line and all.rdz
/// included, or anything else. Such an image is a unified kernel image around systemd-stub (initramfs/mkuki), which
/// leaves the variable StubInfo behind (systemd's "Boot Loader Interface").
///
/// This is what the system says of itself, for its log and an honest server. What holds against a forger is the
/// firmware: it must trust nobody but who signs these images (docs/verified-boot.md).

#include <string>

#include "agent/drivers/drivers.h"
#include "agent/machine/machine.h"

namespace ka::agent {

struct SignedStart {
  bool verified = false;
  std::string why_not;  ///< for a person; empty if it was verified
};

/// By the firmware's variables; `variables`: where efivarfs is mounted. Never throws: what cannot be read says no.
SignedStart signed_start(const std::string& variables);

/// The same of this machine: efivarfs is mounted for it if it is not yet, and stays. Never throws.
Awaitable<SignedStart> signed_start_of_this_machine(Machine& machine, Drivers& drivers);

/// "Started by a signed image under Secure Boot", or that it was not, and why.
std::string text_of(const SignedStart& start);

}  // namespace ka::agent
