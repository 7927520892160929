#pragma once
/// `ka-server pxe-config`: configuration for PXE, DHCP and TFTP servers, and the files they serve.
/// `ka-server pxe-default`: which label machines boot when nobody is there to choose.

#include <functional>
#include <string>

#include "server/installed.h"
#include "server/pxe_values.h"

namespace CLI {
class App;
}

namespace ka::server {

/// Adds both subcommands; when one of them is given, `chosen` becomes what runs it and returns the exit status.
void add_pxe_config_command(CLI::App& app, std::function<int()>& chosen);

/// Fills every template of `templates` (installed: share/ka/pxe-config) into `output`, which is made if it is
/// not there. Nothing is written unless all of them can be filled. Throws Error.
void write_pxe_config(const std::string& templates, const std::string& output, const PxeValues& values);

/// Where boot files come from: pxelinux of Debian's packages, the kernel and all.rdz of `make initramfs`.
struct BootFiles {
  std::string pxelinux = "/usr/lib/PXELINUX/pxelinux.0";
  std::string ldlinux = "/usr/lib/syslinux/modules/bios/ldlinux.c32";
  std::string images = installed("lib/ka/boot");  ///< directory of vmlinuz and all.rdz
};

/// Completes `tftp_root` with the files that the configuration names. Throws Error, with the package that a
/// missing one is in.
void install_boot_files(const BootFiles& files, const std::string& tftp_root);

}  // namespace ka::server
