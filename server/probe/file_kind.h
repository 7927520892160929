#pragma once
/// What a boot file is, by its first bytes. No I/O.

#include <string>
#include <string_view>

namespace ka::server {

enum class FileKind {
  pxelinux,    ///< for a BIOS, and reads a configuration that can be followed
  bios,        ///< anything else that a BIOS starts: it has no mark
  efi_x86_64,  ///< PE/COFF (UEFI 2.10, 2.1.1)
  efi_x86_32,
  efi_arm_64,
  efi_other,
  disk,  ///< an image that UEFI HTTP boot makes a RAM disk of (UEFI 2.10, 24.7): of a disk, or of a CD
};

FileKind kind_of(std::string_view file);

/// "a loader for UEFI on x86-64"
std::string text_of(FileKind kind);

}  // namespace ka::server
