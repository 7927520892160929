#include "base/efi_variable.h"

#include "base/error.h"
#include "base/files.h"

namespace ka {

namespace {

constexpr std::size_t attributes_size = 4;

}  // namespace

std::string efi_variable_path(const std::string& folder, std::string_view name, std::string_view owner) {
  return folder + "/" + std::string(name) + "-" + std::string(owner);
}

std::string efi_variable_content(std::string_view content) {
  // Non-volatile, for boot services, at run time.
  return std::string("\x07\0\0\0", attributes_size) + std::string(content);
}

std::optional<std::string> read_efi_variable(const std::string& folder, std::string_view name, std::string_view owner) {
  try {
    auto content = read_file_if_any(efi_variable_path(folder, name, owner));
    if (!content || content->size() < attributes_size) return std::nullopt;
    return content->substr(attributes_size);
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace ka
