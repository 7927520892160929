// What this machine's fstab asks for at boot, and what of it a clone will have.
#include <algorithm>

#include "base/text.h"
#include "server/golden/paths.h"
#include "server/plan/plan_draft.h"
#include "wire/device_name.h"
#include "wire/storage/rule.h"

namespace ka::server {

namespace {

using Kind = wire::DeviceName::Kind;

// The partition here that a line means; empty: none, or none that was looked at.
std::string partition_here(const Golden& golden, const wire::DeviceName& name) {
  if (name.kind == Kind::device) return find_device(golden.devices, name.value) != nullptr ? name.value : "";
  for (const BlockDevice& device : golden.devices) {
    if (name.kind == Kind::link) {
      auto links = golden.links.find(device.id());
      if (links != golden.links.end() &&
          std::find(links->second.begin(), links->second.end(), name.value) != links->second.end())
        return device.id();
    }
    auto probe = golden.probes.find(device.id());
    if (probe == golden.probes.end()) continue;
    const std::string& tag = name.kind == Kind::uuid ? probe->second.uuid : probe->second.label;
    if ((name.kind == Kind::uuid || name.kind == Kind::label) && !tag.empty() && tag == name.value) return device.id();
  }
  return {};
}

bool is_waited_for(const FstabEntry& entry) {
  return !entry.has_option("noauto") && !entry.has_option("nofail") && !entry.has_option("x-systemd.automount");
}

// An entry of a cloned partition that is not mounted: tar sends what lies below its mount point, usually nothing.
void check_is_mounted(PlanDraft& draft, const FstabEntry& entry, const wire::ClonedDevice& device) {
  if (entry.type == "swap" || entry.point.empty() || entry.point.front() != '/') return;
  const auto& mounts = draft.plan.manifest.mounts;
  auto is_here = [&](const wire::Mount& mount) { return device.content && mount.fs == device.content->id; };
  if (device.content && storage::rule(*device.content).comes_by_stream) return;
  if (std::any_of(mounts.begin(), mounts.end(), is_here)) return;
  if (draft.excluded_path(entry.point)) return;
  const std::string& name = device.device->id;
  draft.refuse(entry.point + " is " + name +
               " in fstab, and not mounted now: the clones would get it empty; mount it, " +
               "or leave it out with -x " + entry.point);
}

}  // namespace

void check_fstab(PlanDraft& draft) {
  for (const FstabEntry& entry : draft.golden.fstab) {
    const wire::DeviceName name = wire::parse_device_name(entry.spec);
    // /dev/root is the kernel's own word for what it has mounted already.
    if (name.kind == Kind::other || name.value == "root") continue;
    if (auto device = wire::find_cloned(draft.plan.manifest, name)) {
      check_is_mounted(draft, entry, *device);
      continue;
    }
    if (!is_waited_for(entry)) continue;
    const std::string here = partition_here(draft.golden, name);
    draft.warn(
        "fstab: " + (entry.type == "swap" ? "swap" : entry.point) + " is on " + entry.spec +
        (here.empty() || name.value == here ? "" : " (" + here + ")") +
        ", which is not cloned; the clones will wait for it at boot, and may stop there (nofail in its options " +
        "helps)");
  }
}

}  // namespace ka::server
