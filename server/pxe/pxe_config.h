#pragma once
/// `ka-server pxe-config`: configuration for PXE, DHCP and TFTP servers, and the files they serve.
/// `ka-server pxe-default`: which label machines boot when nobody is there to choose.

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "server/options/installed.h"
#include "server/pxe/pxe_values.h"
#include "server/pxe/uki.h"

namespace CLI {
class App;
}

namespace ka::server {

/// Adds both subcommands; when one of them is given, `chosen` becomes what runs it and returns the exit status.
void add_pxe_config_command(CLI::App& app, std::function<int()>& chosen);

/// Paths and what is to stand there.
using FileContents = std::vector<std::pair<std::string, std::string>>;

/// Every template of `templates` (installed: share/ka/pxe-config), filled, for the folder `output`; GRUB's only where
/// machines load it. Throws Error.
FileContents pxe_config_files(const std::string& templates, const std::string& output, const PxeValues& values);

/// What GRUB does first in the image for UEFI HTTP boot. Throws Error.
std::string ramdisk_config(const std::string& templates, const PxeValues& values);

/// The values of a file as --values takes it, over the defaults; "": the defaults. Throws UsageError "FILE:LINE: …".
PxeRequest read_pxe_values(const std::string& file);

/// Debian's packages of the loaders for UEFI.
inline constexpr const char *shim_package = "shim-signed", *grub_package = "grub-efi-amd64-signed";

/// Where boot files come from: loaders of Debian's packages, the kernel and all.rdz of `make initramfs`.
struct BootFiles {
  std::string pxelinux = "/usr/lib/PXELINUX/pxelinux.0", lpxelinux = "/usr/lib/PXELINUX/lpxelinux.0";
  std::string ldlinux = "/usr/lib/syslinux/modules/bios/ldlinux.c32";
  std::string shim = "/usr/lib/shim/shimx64.efi.signed";
  std::string grub = "/usr/lib/grub/x86_64-efi-signed/grubnetx64.efi.signed";
  std::string packages;  ///< folder in which packages of Debian's were unpacked; looked into before /
  std::string images = installed("lib/ka/boot");  ///< directory of vmlinuz and all.rdz
  bool uefi = true;                               ///< shim and GRUB, too
  std::optional<Uki> uki;                         ///< in their place
  bool http = false;                              ///< loaders that can use HTTP
  std::string ramdisk_config;                     ///< of GRUB in the image for UEFI HTTP boot
};

/// The files that the configuration names, for `tftp_root`. The image of `uki` lies where machines find it. Throws
/// Error, with the package that a missing one is in.
FileContents boot_files(const BootFiles& files, const std::string& tftp_root);

/// Writes all of them, with the folders they lie in. Nothing is changed unless every one can be written. Throws Error.
void write_files(const FileContents& files);

}  // namespace ka::server
