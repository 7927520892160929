#include "agent/boot/signed_start.h"

#include <sys/mount.h>
#include <unistd.h>

#include "base/efi_variable.h"
#include "base/error.h"
#include "base/files.h"

namespace ka::agent {

namespace {

const std::string on(1, '\1'), off(1, '\0');

SignedStart no(std::string why) { return {false, std::move(why)}; }

}  // namespace

SignedStart signed_start(const std::string& variables) {
  const auto secure_boot = read_efi_variable(variables, "SecureBoot", efi_global);
  if (!secure_boot) return no("the firmware does not say whether Secure Boot is on");
  if (*secure_boot != on) return no("Secure Boot is off");
  // In Setup Mode whoever runs may put in keys of his own.
  if (read_efi_variable(variables, "SetupMode", efi_global) != off) return no("the firmware is in Setup Mode");
  if (!read_efi_variable(variables, "StubInfo", efi_loader)) return no("no such image but a boot loader started it");
  // The stub's own ends with each start. One that is kept was put there by an earlier system of this machine.
  const auto attributes = efi_variable_attributes(variables, "StubInfo", efi_loader);
  if (!attributes || (*attributes & efi_non_volatile) != 0) return no("the firmware's StubInfo is no boot stub's");
  return {true, ""};
}

Awaitable<SignedStart> signed_start_of_this_machine(Machine& machine, Drivers& drivers) {
  if (::access("/sys/firmware/efi", F_OK) != 0) co_return no("this machine started by BIOS");
  std::string failure;
  if (list_directory(efi_variables).empty()) {
    try {
      std::vector<std::string> modules{"efivarfs"};
      co_await drivers.load(std::move(modules));
      machine.mount("efivarfs", efi_variables, "efivarfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "");
    } catch (const Error& error) {
      failure = error.what();
    }
  }
  if (!failure.empty()) co_return no("the firmware's variables cannot be seen: " + failure);
  co_return signed_start(efi_variables);
}

std::string text_of(const SignedStart& start) {
  constexpr const char* it = "tarted by a signed image under Secure Boot";
  return start.verified ? "S" + std::string(it) : "Not s" + std::string(it) + ": " + start.why_not;
}

}  // namespace ka::agent
