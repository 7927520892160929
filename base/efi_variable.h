#pragma once
/// Variables of UEFI firmware, as efivarfs has them: files NAME-GUID, whose first four bytes are attributes.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ka {

// The owners of variables, UEFI 2.10: 3.3, 32.4.1; shim's own; systemd's Boot Loader Interface.
inline constexpr std::string_view efi_global = "8be4df61-93ca-11d2-aa0d-00e098032b8c";
inline constexpr std::string_view efi_security = "d719b2cb-3d3a-4596-a3bc-dad00e67656f";
inline constexpr std::string_view efi_shim = "605dab50-e046-4300-abb6-3dd810dd8b23";
inline constexpr std::string_view efi_loader = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";

/// Where efivarfs is mounted.
inline constexpr const char* efi_variables = "/sys/firmware/efi/efivars";

/// The content of a variable, in the folder where efivarfs is mounted; nullopt: there is none, or it cannot be read.
std::optional<std::string> read_efi_variable(const std::string& folder, std::string_view name, std::string_view owner);

/// UEFI 2.10, 8.2: the variable outlives a restart. One that does not was set during this start, before the kernel's.
inline constexpr std::uint32_t efi_non_volatile = 1;
/// The attributes of a variable; nullopt as above.
std::optional<std::uint32_t> efi_variable_attributes(const std::string& folder, std::string_view name,
                                                     std::string_view owner);

/// The path of a variable, and what is written there: it outlives a restart, and boot loaders and systems may read it.
std::string efi_variable_path(const std::string& folder, std::string_view name, std::string_view owner);
std::string efi_variable_content(std::string_view content);

}  // namespace ka
