#include "base/efi_variable.h"

#include "base/error.h"
#include "base/files.h"

namespace ka {

namespace {

constexpr std::size_t attributes_size = 4;

// The attributes, and what is behind them.
std::optional<std::string> read_whole(const std::string& folder, std::string_view name, std::string_view owner) {
  try {
    auto content = read_file_if_any(efi_variable_path(folder, name, owner));
    if (content && content->size() >= attributes_size) return content;
  } catch (const Error&) {
    // Firmware may refuse any of them.
  }
  return std::nullopt;
}

}  // namespace

std::string efi_variable_path(const std::string& folder, std::string_view name, std::string_view owner) {
  return folder + "/" + std::string(name) + "-" + std::string(owner);
}

std::string efi_variable_content(std::string_view content) {
  // Non-volatile, for boot services, at run time.
  return std::string("\x07\0\0\0", attributes_size) + std::string(content);
}

std::optional<std::string> read_efi_variable(const std::string& folder, std::string_view name, std::string_view owner) {
  const auto content = read_whole(folder, name, owner);
  return content ? std::optional(content->substr(attributes_size)) : std::nullopt;
}

std::optional<std::uint32_t> efi_variable_attributes(const std::string& folder, std::string_view name,
                                                     std::string_view owner) {
  const auto content = read_whole(folder, name, owner);
  if (!content) return std::nullopt;
  std::uint32_t attributes = 0;
  for (std::size_t i = attributes_size; i-- > 0;)
    attributes = attributes << 8 | static_cast<unsigned char>((*content)[i]);
  return attributes;
}

}  // namespace ka
