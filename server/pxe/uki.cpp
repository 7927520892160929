#include "server/pxe/uki.h"

#include <algorithm>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "wire/boot/pe.h"
#include "wire/ports.h"

namespace ka::server {

namespace {

constexpr const char* option = "--uki";
constexpr std::string_view server_word = "kaserver=";
constexpr std::size_t largest_image = std::size_t{1} << 30;

std::string remedy(const std::string& missing) { return "make uki APPEND='" + missing + "'"; }

}  // namespace

Uki read_uki(const std::string& file) {
  Uki uki;
  uki.file = file;
  uki.content = read_file(file, largest_image);
  bool is_signed = false;
  try {
    uki.words = std::string(boot::section_of(uki.content, ".cmdline"));
    for (const char* section : {".linux", ".initrd", ".cmdline"})
      if (boot::section_of(uki.content, section).empty()) throw Error("it has no section " + std::string(section));
    is_signed = !boot::read_program(uki.content).issuers.empty();
  } catch (const Error& error) {
    throw UsageError(option, file + " is no unified kernel image, which make uki makes: " + error.what());
  }
  if (!is_signed)
    throw UsageError(option, file + " is not signed, so that firmware under Secure Boot would not start it: make uki");
  return uki;
}

void check_uki_words(const Uki& uki, std::string_view wanted) {
  const std::vector<std::string_view> there = words(uki.words);
  std::string missing;
  for (const std::string_view word : words(wanted)) {
    if (std::find(there.begin(), there.end(), word) != there.end()) continue;
    missing += (missing.empty() ? "" : " ") + std::string(word);
  }
  if (missing.empty()) return;
  throw UsageError(option, "the kernel command line of " + uki.file + " is signed and fixed, and has not " + missing +
                               ", which machines with UEFI would never see: " + remedy(missing));
}

void check_uki_parts(const Uki& uki, std::string_view kernel, std::string_view initramfs, const std::string& folder) {
  const bool same_kernel = boot::section_of(uki.content, ".linux") == kernel;
  if (same_kernel && boot::section_of(uki.content, ".initrd") == initramfs) return;
  const std::string part = same_kernel ? "/all.rdz" : "/vmlinuz";
  throw UsageError(option, uki.file + " was made of another file than " + folder + part +
                               ", so that machines with UEFI would run another version than those with BIOS: make uki");
}

void check_uki_server(const Uki& uki, asio::ip::address_v4 address, std::uint16_t port, bool near) {
  const std::string here = address.to_string() + ":" + std::to_string(port);
  std::string said;  // the last one counts
  for (const std::string_view word : words(uki.words))
    if (word.starts_with(server_word)) said = word.substr(server_word.size());
  if (said == here || (port == wire::control_port && said == address.to_string())) return;
  const std::string wanted = std::string(server_word) + here;
  if (!said.empty())
    throw UsageError(option, uki.file + " sends nodes to the server " + said + ", and the job is at " + here + ": " +
                                 remedy(wanted) + ", or without kaserver=");
  if (near && port == wire::control_port) return;
  throw UsageError(option, uki.file + " does not say where the server is, and nodes find one by themselves only on " +
                               "their own network and at port " + std::to_string(wire::control_port) + ": " +
                               remedy(wanted));
}

}  // namespace ka::server
