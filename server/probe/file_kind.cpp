#include "server/probe/file_kind.h"

#include <algorithm>

namespace ka::server {

namespace {

unsigned get16(std::string_view file, std::size_t at) {
  if (at + 2 > file.size()) return 0;
  return static_cast<unsigned char>(file[at]) | static_cast<unsigned>(static_cast<unsigned char>(file[at + 1])) << 8;
}

FileKind kind_of_program(unsigned machine) {
  switch (machine) {
    case 0x8664: return FileKind::efi_x86_64;
    case 0x014c: return FileKind::efi_x86_32;
    case 0xaa64: return FileKind::efi_arm_64;
    default: return FileKind::efi_other;
  }
}

}  // namespace

FileKind kind_of(std::string_view file) {
  constexpr std::size_t at_header = 0x3c, at_signature = 510, at_descriptor = 0x8001;
  if (file.starts_with("MZ")) {
    // At least up to 64 KiB, which is more than any loader has before it.
    const std::size_t header = get16(file, at_header);
    if (file.substr(std::min(header, file.size()), 4) == std::string_view("PE\0\0", 4))
      return kind_of_program(get16(file, header + 4));
  }
  if (file.size() > at_descriptor + 5 && file.substr(at_descriptor, 5) == "CD001") return FileKind::disk;
  if (get16(file, at_signature) == 0xaa55) return FileKind::disk;
  return file.find("PXELINUX") != std::string_view::npos ? FileKind::pxelinux : FileKind::bios;
}

std::string text_of(FileKind kind) {
  switch (kind) {
    case FileKind::pxelinux: return "pxelinux, a loader for BIOS";
    case FileKind::bios: return "no program for UEFI";
    case FileKind::efi_x86_64: return "a loader for UEFI on x86-64";
    case FileKind::efi_x86_32: return "a loader for UEFI of 32 bits";
    case FileKind::efi_arm_64: return "a loader for UEFI on ARM";
    case FileKind::efi_other: return "a loader for UEFI on another processor";
    case FileKind::disk: return "an image of a disk";
  }
  return "";
}

}  // namespace ka::server
