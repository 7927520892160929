#include "wire/clone_boot.h"

#include "wire/boot/extlinux_place.h"
#include "wire/device_name.h"
#include "wire/grub.h"

namespace ka::wire {

std::vector<boot::Start> boot_starts(const Manifest& manifest, const boot::Files& files) {
  if (!manifest.boot_loader) return {};
  auto exists = [&files](const std::string& path) { return files.size(path).has_value(); };
  auto no_program = [](const std::string&) { return false; };
  switch (manifest.boot_loader->kind) {
    case BootLoader::Kind::none: return {};
    case BootLoader::Kind::lilo: return {{"lilo", "/etc/lilo.conf", false, {}}};
    case BootLoader::Kind::extlinux: {
      const auto found = boot::find_extlinux(exists, no_program);
      return {{"extlinux", found ? found->config : "/boot/extlinux/extlinux.conf", false, {}}};
    }
    case BootLoader::Kind::grub: {
      const auto found = find_grub(exists, no_program);
      return {{"grub", (found ? found->directory : "/boot/grub") + "/grub.cfg", false, {}}};
    }
  }
  return {};
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
