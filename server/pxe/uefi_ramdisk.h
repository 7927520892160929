#pragma once
/// The file that a machine loads by UEFI HTTP boot: an image of a FAT file system, which its firmware takes for a disk
/// in RAM and boots from. A loader alone would not do: the GRUB that Debian 12 has signed does not know where it came
/// from when it came by HTTP, and finds no configuration.

#include <string>
#include <utility>
#include <vector>

namespace ka::server {

/// The image with these files in it, by path ("EFI/BOOT/BOOTX64.EFI") and content; the names are of 8.3 letters. Made
/// by mtools in a temporary folder. Throws Error, with the package if they are not there.
std::string uefi_ramdisk(const std::vector<std::pair<std::string, std::string>>& files);

}  // namespace ka::server
