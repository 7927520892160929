#pragma once
/// An entry of a UEFI boot menu: the variables Boot####, BootOrder, BootCurrent and BootNext (UEFI 2.10, 3.1.3
/// and 10.3), and BOOTX64.CSV, from which shim's fallback program makes such entries.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ka::boot {

/// Which partition a path is on: a node of a device path, 10.3.5.1.
struct HardDrive {
  std::uint32_t number = 0;           ///< of the partition
  std::uint64_t start = 0, size = 0;  ///< sectors of the disk's own size
  /// Of a GPT the partition's GUID as text in capitals; of a DOS table the disk identifier: "0x59be1427".
  std::string identity;

  bool operator==(const HardDrive&) const = default;
};

struct LoadOption {
  bool active = true;
  std::string label;               ///< UTF-8
  std::optional<HardDrive> drive;  ///< none: a network card, a whole disk, …
  std::string path;                ///< UTF-8: "\EFI\debian\shimx64.efi"; empty: none
  std::string arguments;           ///< OptionalData: bytes

  bool operator==(const LoadOption&) const = default;
};

/// The content of a variable Boot####. nullopt: it is not whole.
std::optional<LoadOption> parse_load_option(std::string_view content);
/// The path as short as firmware accepts it: the partition and the file on it, whatever controller it hangs on.
std::string load_option(const LoadOption& option);

/// BootOrder, BootCurrent, BootNext. An odd byte at the end is left out.
std::vector<std::uint16_t> parse_boot_numbers(std::string_view content);
std::string boot_numbers(const std::vector<std::uint16_t>& numbers);

/// The number of a variable "Boot0007"; nullopt of "BootOrder", "Bootsomething".
std::optional<std::uint16_t> boot_number(std::string_view variable);
std::string boot_variable(std::uint16_t number);  ///< "Boot0007"

/// Lines "shimx64.efi,debian,arguments,comment" in UTF-16, with or without a byte order mark: entries with the names
/// of files as `path`, without a drive. Lines that are none are left out.
std::vector<LoadOption> parse_boot_csv(std::string_view content);

/// Is it the same file? FAT does not tell capital letters from small ones.
bool same_path(std::string_view one, std::string_view other);

/// UTF-16, little-endian, without an end; what is no UTF-16 becomes U+FFFD.
std::string utf8_of(std::string_view utf16);
std::string utf16_of(std::string_view utf8);

/// As a device path has it: the first three fields are numbers.
std::string guid_text(std::string_view bytes);                 ///< of 16; in capitals
std::optional<std::string> guid_bytes(std::string_view text);  ///< nullopt: it is no GUID

}  // namespace ka::boot
