// What this machine starts by if it starts by UEFI: the entry in NVRAM, or what lies on its EFI system partitions.
#include <algorithm>
#include <optional>

#include "base/efi_variable.h"
#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "server/golden/golden.h"
#include "wire/boot/load_option.h"
#include "wire/boot/pe.h"
#include "wire/storage/types.h"

namespace ka::server {

namespace {

constexpr std::size_t largest_program = 256u << 20;  // a unified kernel image with all in it
const char* const removable_path = "\\EFI\\BOOT\\BOOTX64.EFI";

std::string file_name(const std::string& path) { return path.substr(path.find_last_of("\\/") + 1); }

// "\EFI\debian\shimx64.efi" on "/boot/efi" is "/boot/efi/EFI/debian/shimx64.efi".
std::string file_of(const Esp& esp, const std::string& path) {
  std::string file = path;
  std::replace(file.begin(), file.end(), '\\', '/');
  return esp.point + file;
}

// By the marks that each release of it has. systemd's .sbat may name no more than the package (252), and a kernel had
// none before 6.16: it is known by the sign of the x86 boot protocol.
std::optional<boot::UefiWay::Loader> marked_as(std::string_view program) {
  constexpr std::size_t sign = 0x202;
  const std::string_view magic = boot::section_of(program, ".sdmagic");
  if (magic.starts_with("#### LoaderInfo: systemd-boot")) return boot::UefiWay::Loader::systemd_boot;
  const bool unified = magic.starts_with("#### LoaderInfo: systemd-stub");
  const bool kernel = program.size() > sign && program.substr(sign).starts_with("HdrS");
  if (unified || kernel) return boot::UefiWay::Loader::stub;
  return std::nullopt;
}

// The next one of the chain; returns what it is marked as.
std::optional<boot::UefiWay::Loader> add_program(UefiLoader& loader, const std::string& root, const std::string& file) {
  const std::string content = read_file(root + file, largest_program);
  loader.chain.push_back(boot::read_program(content));
  loader.chain.back().path = file;
  loader.bytes += content.size();
  return marked_as(content);
}

bool is_shim(const boot::Program& program) {
  return boot::has_component(program.sbat, "shim") || lowered(file_name(program.path)).starts_with("shim");
}

// Reads the programs that start each other, and finds out what the last one is.
void follow(UefiLoader& loader, const std::string& root, const Esp& esp) {
  const std::string first = file_of(esp, loader.entry.path);
  auto kind = add_program(loader, root, first);
  if (is_shim(loader.chain.front())) {
    if (!loader.entry.arguments.empty()) {
      loader.why_not =
          "what shim is to start is named in its entry, and only its own choice (grubx64.efi) is understood";
      return;
    }
    const std::string next = first.substr(0, first.rfind('/')) + "/grubx64.efi";
    kind = add_program(loader, root, next);
  }
  const boot::Program& last = loader.chain.back();
  if (kind)
    loader.kind = *kind;
  else if (!boot::has_component(last.sbat, "grub") && !lowered(file_name(last.path)).starts_with("grub") &&
           !boot::same_path(loader.entry.path, removable_path))
    loader.why_not = last.path + " is not known: it is neither GRUB nor shim";
}

UefiLoader loader_of(const std::string& root, const Esp& esp, boot::Entry entry) {
  UefiLoader loader;
  loader.device = esp.device;
  loader.entry = std::move(entry);
  try {
    follow(loader, root, esp);
  } catch (const Error& error) {
    loader.why_not = error.what();
  }
  loader.removable = read_file_if_any(root + file_of(esp, removable_path), largest_program).has_value();
  return loader;
}

// Entries of NVRAM, the one that started this machine first, then in their order.
std::vector<boot::LoadOption> nvram_entries(const std::string& root) {
  const std::string folder = root + efi_variables;
  std::vector<boot::LoadOption> entries;
  for (const char* list : {"BootCurrent", "BootOrder"}) {
    const auto content = read_efi_variable(folder, list, efi_global);
    for (std::uint16_t number : boot::parse_boot_numbers(content.value_or(""))) {
      const auto variable = read_efi_variable(folder, boot::boot_variable(number), efi_global);
      auto option = variable ? boot::parse_load_option(*variable) : std::nullopt;
      if (option && option->drive && !option->path.empty() &&
          std::find(entries.begin(), entries.end(), *option) == entries.end())
        entries.push_back(std::move(*option));
    }
  }
  return entries;
}

bool is_on(const boot::LoadOption& option, const Esp& esp) {
  return lowered(option.drive->identity) == lowered(esp.identity) && option.drive->number == esp.number;
}

std::vector<UefiLoader> named_by_csv(const std::string& root, const Esp& esp) {
  std::vector<UefiLoader> loaders;
  for (const std::string& vendor : list_directory(root + esp.point + "/EFI")) {
    const std::string folder = root + esp.point + "/EFI/" + vendor;
    for (const std::string& name : list_directory(folder)) {
      if (lowered(name) != "bootx64.csv") continue;
      for (const boot::LoadOption& option : boot::parse_boot_csv(read_file_if_any(folder + "/" + name).value_or("")))
        loaders.push_back(
            loader_of(root, esp, {"", "\\EFI\\" + vendor + "\\" + option.path, option.label, option.arguments}));
    }
  }
  return loaders;
}

}  // namespace

std::vector<UefiLoader> read_uefi_loaders(const std::string& root, const std::vector<Esp>& esps) {
  std::vector<UefiLoader> loaders;
  for (const boot::LoadOption& option : nvram_entries(root))
    for (const Esp& esp : esps)
      if (is_on(option, esp))
        loaders.push_back(loader_of(root, esp, {"", option.path, option.label, option.arguments}));
  for (const Esp& esp : esps)
    for (UefiLoader& loader : named_by_csv(root, esp)) loaders.push_back(std::move(loader));
  for (const Esp& esp : esps) {
    UefiLoader loader = loader_of(root, esp, {"", removable_path, "Linux", ""});
    if (loader.removable) loaders.push_back(std::move(loader));
  }
  return loaders;
}

std::vector<Esp> mounted_esps(const Golden& golden) {
  std::vector<Esp> esps;
  for (const Mount& mount : golden.mounts) {
    if (mount.type != "vfat" && mount.type != "msdos") continue;
    const BlockDevice* device = find_device(golden.devices, mount.major, mount.minor);
    if (!device) continue;
    // Firmware knows nothing of arrays: it sees the legs of a mirror.
    std::vector<std::string> legs = device->below;
    if (legs.empty()) legs = {device->name};
    for (const std::string& name : legs) {
      const BlockDevice* leg = find_device(golden.devices, name);
      auto table = leg ? golden.tables.find(leg->disk) : golden.tables.end();
      if (table == golden.tables.end()) continue;
      const storage::Partition* partition = table->second.find(leg->partition);
      const storage::Table& label = table->second.table;
      if (!partition || !storage::is_type(label.label, partition->type, "efi")) continue;
      esps.push_back({device->id(), mount.point, partition->guid.empty() ? label.identity : partition->guid,
                      static_cast<std::uint32_t>(leg->partition)});
    }
  }
  return esps;
}

}  // namespace ka::server
