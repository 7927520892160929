#include "server/probe/loader_config.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "wire/boot/pe.h"

namespace ka::server {

namespace {

constexpr std::string_view node_word = "method:ka", node_label = "kamethod";

// Of "initrd=a,b" and "initrd a,b".
void add_files(std::vector<std::string>& files, std::string_view list) {
  for (const std::string_view name : split(list, ',')) files.emplace_back(name);
}

}  // namespace

NextStep pxelinux_default(std::string_view config) {
  NextStep next;
  bool in_it = false;
  std::string initrds;
  for (const std::string_view line : split(config, '\n')) {
    const std::vector<std::string_view> parts = words(line);
    if (parts.size() < 2) continue;
    const std::string key = lowered(parts[0]);
    if (key == "default") next.label = parts[1];
    if (key == "label") in_it = parts[1] == next.label;
    if (!in_it) continue;
    if (key == "kernel" || key == "linux") next.files.insert(next.files.begin(), std::string(parts[1]));
    if (key == "initrd") add_files(next.files, parts[1]);
    if (key != "append") continue;
    for (const std::string_view word : parts) {
      constexpr std::string_view initrd = "initrd=";
      if (word.starts_with(initrd)) add_files(next.files, word.substr(initrd.size()));
      next.is_ka |= makes_node(word);
    }
  }
  // A label of KA's that only gives a shell.
  next.is_ka &= next.label != "kashell";
  return next;
}

NextStep grub_default(std::string_view config) {
  NextStep next;
  for (const std::string_view line : split(config, '\n')) {
    constexpr std::string_view start = "set default=";
    if (trim(line).starts_with(start)) next.label = trim(line).substr(start.size());
  }
  next.is_ka = next.label == node_label;
  return next;
}

std::string image_command_line(std::string_view program) {
  try {
    return std::string(boot::section_of(program, ".cmdline"));
  } catch (const Error&) {
    return "";
  }
}

bool makes_node(std::string_view command_line) { return command_line.find(node_word) != std::string_view::npos; }

std::string beside(const std::string& other, const std::string& file) {
  if (file.starts_with('/') || file.find("://") != std::string::npos) return file;
  const std::size_t slash = other.rfind('/');
  return (slash == std::string::npos ? "" : other.substr(0, slash + 1)) + file;
}

}  // namespace ka::server
