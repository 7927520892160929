#pragma once
/// A program for UEFI: PE/COFF, as firmware with Secure Boot looks at it (UEFI 2.10, 32.4; Microsoft's "Windows
/// Authenticode Portable Executable Signature Format"; shim's SBAT.md).

#include <string_view>

#include "wire/boot/boot_plan.h"

namespace ka::boot {

/// Digest, .sbat and signers; the path is left empty. Throws Error if it is no such program or not whole.
Program read_program(std::string_view file);

/// The bytes of the section of that name; empty: it has none. Throws as read_program.
std::string_view section_of(std::string_view file, std::string_view name);

/// Has this .sbat a line of that component ("shim", "grub")?
bool has_component(std::string_view sbat, std::string_view component);

}  // namespace ka::boot
