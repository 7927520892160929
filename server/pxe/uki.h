#pragma once
/// `--uki`: a signed unified kernel image (initramfs/mkuki) as the boot file of machines with UEFI, in place of shim
/// and GRUB. Its kernel command line is a part of what is signed: words that configuration would add do not reach it.

#include <string>
#include <string_view>
#include <vector>

#include "base/asio.h"

namespace ka::server {

/// Below the TFTP root, as the path of a file and of a URL.
inline constexpr std::string_view uki_path = "/ka.efi";
/// Where it lies while it is not what machines boot by themselves: no firmware asks for it there.
inline constexpr std::string_view uki_path_aside = "/ka.efi.aside";

struct Uki {
  std::string file;     ///< as the operator has named it
  std::string content;  ///< all bytes
  std::string words;    ///< its kernel command line
};

/// Throws Error if it cannot be read; UsageError, of --uki, if it is no such image, or is not signed.
Uki read_uki(const std::string& file);

/// UsageError, with the remedy, if words of a kernel command line are not on that of the image: they would be lost.
void check_uki_words(const Uki& uki, std::string_view wanted);

/// UsageError, with the remedy, if the image was made of another kernel or initramfs than these of `folder`: the
/// drivers of stage2 would not fit, or nodes with BIOS run another ka-init.
void check_uki_parts(const Uki& uki, std::string_view kernel, std::string_view initramfs, const std::string& folder);

/// UsageError, with the remedy, if what the image says does not lead to the job at `address` and `port`. `near`: nodes
/// that say nothing find it by broadcast, if it has the port that they ask at.
void check_uki_server(const Uki& uki, asio::ip::address_v4 address, std::uint16_t port, bool near);

}  // namespace ka::server
