// The drives, directories and partitions that the options name, compared with what is there.
#include <algorithm>

#include "base/error.h"
#include "server/golden/paths.h"
#include "server/logs/log_folder.h"
#include "server/plan/plan_draft.h"

namespace ka::server {

namespace {

std::string drives_here(const PlanDraft& draft) {
  std::string there;
  for (const BlockDevice& d : draft.golden.devices) {
    if (d.is_drive()) there += (there.empty() ? "" : ", ") + d.name;
  }
  return there.empty() ? "" : "; there are " + there;
}

// `key` and `value` are the option's.
bool name_drive(PlanDraft& draft, const std::string& name, const std::string& option, const std::string& key,
                const std::string& value) {
  const BlockDevice* device = draft.device(name);
  if (device == nullptr || device->partition != 0) {
    draft.not_there(key, value, option + " " + name + ": there is no such drive here" + drives_here(draft));
    return false;
  }
  if (draft.left_out.count(device->name)) draft.refuse(option + " names " + device->name + ", and -X leaves it out");
  draft.named.insert(device->name);
  draft.drives.insert(device->name);
  return true;
}

void read_excluded(PlanDraft& draft) {
  std::vector<std::string> paths;
  for (const std::string& path : draft.options.excluded) {
    try {
      paths.push_back(normal_path(path));
    } catch (const Error& error) {
      draft.refuse(error.what());
      continue;
    }
    if (is_from_file(draft.options, "exclude", path)) draft.plan.excluded_by_conf.insert(paths.back());
  }
  // It grows while tar reads, and what it holds is of this machine alone.
  paths.emplace_back(log_folder);
  std::sort(paths.begin(), paths.end());
  for (const std::string& path : paths) {
    if (!draft.excluded_path(path)) draft.plan.excluded.push_back(path);
  }
  for (const NeededFile& needed : draft.golden.needed) {
    for (const std::string& path : draft.plan.excluded)
      if (lies_in(needed.path, path))
        draft.refuse("-x " + path + ": it holds " + needed.path + ", without which no clone starts");
  }
  if (auto& all = draft.plan.excluded; std::find(all.begin(), all.end(), "/var") != all.end())
    draft.warn("-x /var: programs will miss their directories there; leaving out what is large in it is safer");
}

void read_excluded_drives(PlanDraft& draft) {
  for (const std::string& name : draft.options.excluded_drives) {
    const BlockDevice* device = draft.device(name);
    if (device == nullptr) {
      draft.not_there("exclude-drive", name, "-X " + name + ": there is no such drive here" + drives_here(draft));
    } else if (device->partition != 0) {
      draft.refuse("-X " + name + ": is a partition; -X takes a whole drive (" + device->disk + ")");
    } else {
      draft.left_out.insert(device->name);
    }
  }
}

// GRUB's boot code only starts what lies in the gap behind it, which is not copied.
void check_boot_code(PlanDraft& draft, const std::string& drive, const std::string& code) {
  if (code.find("GRUB") != std::string::npos)
    draft.refuse("-m/-M " + drive +
                 ": this is GRUB's boot code, which starts what lies in the sectors behind it; they " +
                 "are not copied. Leave it out, and GRUB is installed on the clones (-r grub)");
}

}  // namespace

void read_names(PlanDraft& draft) {
  read_excluded(draft);
  read_excluded_drives(draft);
  for (const auto& [drive, desc] : draft.input.descs) name_drive(draft, drive, "-p", "desc", drive);
  for (const auto& [name, desc] : draft.input.group_descs) {
    if (!storage::get<storage::Group>(draft.golden.layers.find(name)))
      draft.not_there("desc", name,
                      "-p " + name + ": there is no such drive or volume group here" + drives_here(draft));
  }
  for (const auto& boot_code : draft.input.boot_code) {
    const auto& drive = boot_code.first;
    const auto& code = boot_code.second;
    const bool by_drive = std::any_of(draft.options.mbr_drives.begin(), draft.options.mbr_drives.end(),
                                      [&](const std::string& name) { return plain_name(name) == drive; });
    if (!name_drive(draft, drive, "-m/-M", by_drive ? "mbr" : "mbr-file", drive)) continue;
    check_boot_code(draft, drive, code);
    draft.boot_code[drive] = code;
  }
  for (const std::string& raw : draft.options.raw_partitions) {
    const BlockDevice* device = draft.device(raw);
    if (device == nullptr || (device->partition == 0 && device->layer.empty())) {
      draft.not_there("raw", raw, "-D " + raw + ": there is no such partition, array or volume here");
      continue;
    }
    if (std::string strange = strange_below(draft.golden, *device); !strange.empty())
      draft.refuse("-D " + raw + ": " + strange);
    if (!draft.raw.insert(device->id()).second) draft.refuse("-D " + raw + " is given twice");
    for (const std::string& drive : drives_below(draft.golden, *device))
      name_drive(draft, drive, "-D " + raw, "raw", raw);
  }
}

}  // namespace ka::server
