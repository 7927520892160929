#include "wire/clone_boot.h"

#include "wire/device_name.h"
#include "wire/grub.h"

namespace ka::wire {

std::vector<boot::Start> boot_starts(const Manifest& manifest, const boot::Files& files) {
  if (!manifest.boot_loader || manifest.boot_loader->kind != BootLoader::Kind::grub) return {};
  auto exists = [&files](const std::string& path) { return files.size(path).has_value(); };
  const auto grub = find_grub(exists, [](const std::string&) { return false; });
  return {{"grub", (grub ? grub->directory : "/boot/grub") + "/grub.cfg", false}};
}

boot::Trail trace_boot(const Manifest& manifest, const boot::Files& files, const boot::Start& start) {
  boot::Question question{files, manifest.storage, {}, {}};
  for (const Mount& mount : manifest.mounts) question.mounts.push_back({mount.fs, mount.point, ""});
  question.find = [&manifest](std::string_view name) -> std::optional<storage::Id> {
    const auto cloned = find_cloned(manifest, parse_device_name(name));
    if (!cloned) return std::nullopt;
    return cloned->content ? cloned->content->id : cloned->device->id;
  };
  return boot::trace(question, start);
}

}  // namespace ka::wire
