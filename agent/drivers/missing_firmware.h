#pragma once
/// Firmware that drivers asked the kernel for and did not get.

#include <string>
#include <string_view>
#include <vector>

namespace ka::agent {

struct MissingFirmware {
  std::string device;  ///< "0000:02:00.0"
  std::string file;    ///< below /lib/firmware: "bnx2/bnx2-mips-09-6.2.1b.fw"

  /// "its firmware is not in all.rdz: FILE (Debian's package firmware-bnx2)".
  std::string text() const;
};

/// From the kernel's log, one message a line; what was found in a later attempt is not told apart. Each file once.
std::vector<MissingFirmware> parse_missing_firmware(std::string_view kernel_log);

/// The kernel's log as it is now (/dev/kmsg), without the heads of its records; empty if it cannot be read.
std::string read_kernel_log();

/// Debian's package that has this file; empty: not known.
std::string firmware_package(std::string_view file);

}  // namespace ka::agent
