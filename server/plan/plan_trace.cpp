// Whether what a clone gets leads from its boot loader over kernel and initrd to its root.
#include <algorithm>

#include "server/golden/paths.h"
#include "server/plan/plan_draft.h"
#include "wire/clone_boot.h"

namespace ka::server {

namespace {

// Is it in the stream? What another file system hides here, or -x leaves out, is not.
bool is_cloned(const PlanDraft& draft, const std::string& path) {
  if (draft.excluded_path(path)) return false;
  const Mount* nearest = nullptr;
  for (const Mount& mount : draft.golden.mounts)
    if (lies_in(path, mount.point) && (!nearest || mount.point.size() >= nearest->point.size())) nearest = &mount;
  const auto& mounts = draft.plan.manifest.mounts;
  return nearest && std::any_of(mounts.begin(), mounts.end(),
                                [&](const wire::Mount& mount) { return mount.point == nearest->point; });
}

boot::Files cloned_files(const PlanDraft& draft) {
  const boot::Files& here = draft.golden.files;
  boot::Files files;
  files.read = [&draft, &here](const std::string& path) {
    return is_cloned(draft, path) ? here.read(path) : std::nullopt;
  };
  files.size = [&draft, &here](const std::string& path) {
    return is_cloned(draft, path) ? here.size(path) : std::nullopt;
  };
  files.list = [&draft, &here](const std::string& path) {
    return is_cloned(draft, path) ? here.list(path) : std::vector<std::string>();
  };
  return files;
}

}  // namespace

void follow_boot(PlanDraft& draft) {
  const boot::Files files = cloned_files(draft);
  for (const boot::Start& start : wire::boot_starts(draft.plan.manifest, files)) {
    boot::Trail trail = wire::trace_boot(draft.plan.manifest, files, start);
    if (!trail.boots() && start.uefi != draft.golden.uefi) {
      draft.warn("by " + std::string(start.uefi ? "UEFI" : "BIOS") + " the clones would not start: " + trail.fault());
      continue;
    }
    if (!trail.boots())
      draft.refuse("the clones would not start: " + trail.fault() +
                   "; mend it here, or give -r none and make the clones start by a script in --hooks");
    for (const boot::Link& link : trail.links)  // check_fstab has spoken of fstab
      if (!link.needed && link.state != boot::State::found && !link.where.starts_with("/etc/fstab"))
        draft.warn("the boot of the clones: " + link.text());
    draft.plan.boots.push_back(std::move(trail));
  }
}

}  // namespace ka::server
