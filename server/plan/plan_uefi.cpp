// How the clones start by UEFI: the first loader of this machine that lies on what is cloned.
#include <algorithm>

#include "base/text.h"
#include "server/plan/plan_draft.h"
#include "wire/boot/load_option.h"

namespace ka::server {

namespace {

const wire::Mount* mount_of(const wire::Manifest& manifest, const std::string& device) {
  for (const wire::Mount& mount : manifest.mounts)
    if (manifest.storage.at(mount.fs).on.front() == device) return &mount;
  return nullptr;
}

std::string name_of(const UefiLoader& loader) { return loader.entry.path + " on " + loader.device; }

// The node adds \EFI\BOOT\BOOTX64.EFI where it lacks: firmware that has lost its entries finds nothing else.
void add_room(wire::Manifest& manifest, const wire::Mount& mount, const UefiLoader& loader) {
  if (loader.removable) return;
  for (storage::Node& node : manifest.storage.nodes)
    if (node.id == mount.fs) storage::usage_of(node)->later += loader.bytes;
}

boot::UefiWay way_of(const wire::Mount& mount, const UefiLoader& loader) {
  boot::UefiWay way;
  way.loader = loader.kind;
  way.esps = {mount.fs};
  way.entries = {loader.entry};
  way.entries.front().esp = mount.fs;
  if (way.entries.front().label.empty()) way.entries.front().label = "Linux";
  way.chain = loader.chain;
  return way;
}

}  // namespace

std::string add_uefi_way(PlanDraft& draft) {
  wire::Manifest& manifest = draft.plan.manifest;
  const std::string order = draft.options.boot_order;
  for (std::size_t i = 0; i < std::size(boot::order_names); ++i)
    if (order == boot::order_names[i]) manifest.boot.order = static_cast<boot::Order>(i);
  std::string why_not;
  for (const UefiLoader& loader : draft.golden.uefi_loaders) {
    const wire::Mount* mount = mount_of(manifest, loader.device);
    std::string fault = loader.why_not;
    if (!mount)
      fault = "its partition is not cloned";
    else if (draft.excluded_path(mount->point + "/EFI"))
      fault = "-x leaves it out";
    if (!fault.empty()) {
      if (why_not.empty()) why_not = name_of(loader) + ": " + fault;
      continue;
    }
    if (!why_not.empty()) draft.warn("UEFI: the clones start by " + name_of(loader) + ", not by " + why_not);
    add_room(manifest, *mount, loader);
    manifest.boot.uefi = way_of(*mount, loader);
    return "";
  }
  if (why_not.empty())
    why_not = draft.golden.uefi ? "no EFI system partition that is cloned is mounted here (/boot/efi)" : "";
  return why_not;
}

}  // namespace ka::server
