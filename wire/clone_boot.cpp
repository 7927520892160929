#include "wire/clone_boot.h"

#include <functional>
#include <optional>
#include <utility>

#include "wire/boot/extlinux_place.h"
#include "wire/device_name.h"
#include "wire/grub.h"

namespace ka::wire {

namespace {

using Exists = std::function<bool(const std::string&)>;

bool has_no_program(const std::string&) { return false; }

std::string grub_config(const Exists& exists) {
  const auto found = find_grub(exists, has_no_program);
  return (found ? found->directory : "/boot/grub") + "/grub.cfg";
}

std::optional<boot::Start> bios_start(BootLoader::Kind kind, const Exists& exists) {
  switch (kind) {
    case BootLoader::Kind::none: return std::nullopt;
    case BootLoader::Kind::lilo: return boot::Start{"lilo", "/etc/lilo.conf", false, {}};
    case BootLoader::Kind::grub: return boot::Start{"grub", grub_config(exists), false, {}};
    case BootLoader::Kind::extlinux: {
      const auto found = boot::find_extlinux(exists, has_no_program);
      return boot::Start{"extlinux", found ? found->config : "/boot/extlinux/extlinux.conf", false, {}};
    }
  }
  return std::nullopt;
}

// A GRUB that a distribution has signed reads the grub.cfg beside it, or beside the one that its distribution has on
// this ESP; one that grub-install made has the place of GRUB's folder in it.
std::string uefi_grub_config(const std::string& program, const std::string& esp, const boot::Files& files,
                             const Exists& exists) {
  const std::string beside = program.substr(0, program.rfind('/')) + "/grub.cfg";
  if (exists(beside)) return beside;
  for (const std::string& vendor : files.list(esp + "/EFI"))
    if (std::string config = esp + "/EFI/" + vendor + "/grub.cfg"; exists(config)) return config;
  return grub_config(exists);
}

// By the first entry.
boot::Start uefi_start(const Manifest& manifest, const boot::UefiWay& way, const boot::Files& files,
                       const Exists& exists) {
  const std::string program = way.chain.empty() ? "" : way.chain.back().path;
  const boot::Entry entry = way.entries.empty() ? boot::Entry{} : way.entries.front();
  std::string esp;
  for (const Mount& mount : manifest.mounts)
    if (mount.fs == entry.esp) esp = mount.point == "/" ? "" : mount.point;
  switch (way.loader) {
    case boot::UefiWay::Loader::grub: return {"grub", uefi_grub_config(program, esp, files, exists), true, {}};
    case boot::UefiWay::Loader::systemd_boot: return {"systemd-boot", esp + "/loader/loader.conf", true, {}};
    case boot::UefiWay::Loader::stub: return {"efi-stub", program, true, entry.arguments};
  }
  return {};
}

}  // namespace

std::vector<boot::Start> boot_starts(const Manifest& manifest, const boot::Files& files) {
  const Exists exists = [&files](const std::string& path) { return files.size(path).has_value(); };
  std::vector<boot::Start> starts;
  if (manifest.boot_loader)
    if (auto start = bios_start(manifest.boot_loader->kind, exists)) starts.push_back(std::move(*start));
  if (manifest.boot.uefi) starts.push_back(uefi_start(manifest, *manifest.boot.uefi, files, exists));
  return starts;
}

boot::Trail trace_boot(const Manifest& manifest, const boot::Files& files, const boot::Start& start) {
  boot::Question question{files, manifest.storage, {}, {}};
  for (const Mount& mount : manifest.mounts)
    if (!mount.apart) question.mounts.push_back({mount.fs, mount.point, mount.subvolume});
  question.find = [&manifest](std::string_view name) -> std::optional<storage::Id> {
    const auto cloned = find_cloned(manifest, parse_device_name(name));
    if (!cloned) return std::nullopt;
    return cloned->content ? cloned->content->id : cloned->device->id;
  };
  return boot::trace(question, start);
}

}  // namespace ka::wire
