// What of this machine's mounts and swap is cloned, what stays here, and what cannot be cloned.
#include <algorithm>

#include "base/text.h"
#include "server/golden/kinds.h"
#include "server/golden/paths.h"
#include "server/plan/plan_draft.h"

namespace ka::server {

namespace {

// A server's: the clone mounts it as this machine does.
bool is_remote(std::string_view type) {
  for (std::string_view known :
       {"nfs", "nfs4", "cifs", "smb3", "9p", "virtiofs", "ceph", "glusterfs", "overlay", "zfs"}) {
    if (type == known) return true;
  }
  return type.rfind("fuse.", 0) == 0;
}

class Cutter {
 public:
  explicit Cutter(PlanDraft& draft) : draft_(draft), golden_(draft.golden) {}

  void sort_mounts() {
    bool root_found = false;
    // A file system seen in several places belongs where it is "/", else where it was mounted first.
    std::vector<const Mount*> mounts;
    for (const Mount& mount : golden_.mounts) mounts.push_back(&mount);
    std::stable_partition(mounts.begin(), mounts.end(), [](const Mount* m) { return m->point == "/"; });
    for (const Mount* mount : mounts) {
      const BlockDevice* device = device_of(*mount);
      if (device != nullptr) {
        sort_mount(*mount, *device);
      } else if (is_remote(mount->type) && mount->point != "/") {
        draft_.leave_out(mount->point, mount->type + " of " + mount->source);
      }
      root_found |= mount->point == "/";
      if (mount->point == "/" && device == nullptr)
        draft_.refuse("/ is " + mount->type + " (" + mount->source + "), not a file system on a disk of this machine");
    }
    for (const auto& [name, mount] : partly_) {
      if (!draft_.mounted.count(name))
        draft_.refuse(mount->point + ": only the part " + mount->root + " of " + name +
                      " is mounted; mount the whole file system somewhere, or leave it out with -x " + mount->point);
    }
    if (!root_found) draft_.refuse("no / was found in /proc/self/mountinfo");
  }

  void add_swap_drives() {
    for (const Swap& swap : golden_.swaps) {
      if (swap.is_file) continue;
      const BlockDevice* device = draft_.device(swap.path);
      if (device == nullptr || !reason_to_leave(*device).empty()) continue;
      std::string why_not = strange_below(golden_, *device);
      if (why_not.empty() && device->partition == 0 && device->layer.empty()) why_not = "it has the whole drive";
      if (why_not.empty()) why_not = partly_left_out(*device);
      if (!why_not.empty()) {
        draft_.warn("swap on " + swap.path + " is not cloned: " + why_not);
        continue;
      }
      draft_.swapping.insert(device->id());
      take_drives_of(*device);
    }
  }

  // Only those on a file system that is cloned; what -x leaves out is not made anew either.
  void add_swap_files() {
    for (const Swap& swap : golden_.swaps) {
      if (!swap.is_file || draft_.excluded_path(swap.path)) continue;
      const Mount* home = nullptr;
      for (const Mount& mount : golden_.mounts) {
        if (lies_in(swap.path, mount.point) && (home == nullptr || mount.point.size() >= home->point.size()))
          home = &mount;
      }
      auto cloned = [&](const auto& entry) { return home && entry.second->source == home->source; };
      if (std::any_of(draft_.mounted.begin(), draft_.mounted.end(), cloned)) {
        draft_.plan.swap_files.push_back(swap);
      } else {
        draft_.warn("swap file " + swap.path + " is not on a file system that is cloned");
      }
    }
  }

 private:
  const BlockDevice* device_of(const Mount& mount) const {
    const BlockDevice* device = mount.major == 0 ? nullptr : find_device(golden_.devices, mount.major, mount.minor);
    // Btrfs has no device number of its own.
    return device == nullptr && mount.source.rfind("/dev/", 0) == 0 ? draft_.device(mount.source) : device;
  }

  void sort_mount(const Mount& mount, const BlockDevice& device) {
    std::string what = mount.point + " (" + device.name + ", " + mount.type + ")";
    bool root = mount.point == "/";
    std::string why_not = reason_to_leave(device);
    if (!why_not.empty()) {
      if (root)
        draft_.refuse("/ is on " + device.name + ", " + why_not);
      else if (!mounted_elsewhere(mount))
        draft_.leave_out(what, why_not);
      return;
    }
    if (std::string fault = reason_to_refuse(mount, device); !fault.empty()) {
      if (!root && draft_.excluded_path(mount.point)) {
        draft_.leave_out(what, "left out by -x");
        return;
      }
      draft_.refuse(what + ": " + fault + (root ? "" : "; -x " + mount.point + " leaves it out"));
      // So that what is wrong with their tables is told at the same time.
      take_drives_of(device);
      return;
    }
    if (mount.root != "/" && !golden_.subvolumes.count(device.id())) {
      if (!draft_.excluded_path(mount.point)) partly_.emplace(device.id(), &mount);
      return;
    }
    if (draft_.mounted.emplace(device.id(), &mount).second) take_drives_of(device);
  }

  void take_drives_of(const BlockDevice& device) {
    for (const std::string& drive : drives_below(golden_, device)) draft_.drives.insert(drive);
  }

  // What stands on several drives cannot be had without one of them.
  std::string partly_left_out(const BlockDevice& device) const {
    for (const std::string& drive : drives_below(golden_, device))
      if (draft_.left_out.count(drive)) return "a part of it lies on " + drive + ", which -X leaves out";
    return {};
  }

  // Only the first of several mounts of one thing is worth a line.
  bool mounted_elsewhere(const Mount& mount) { return !seen_.insert({mount.major, mount.minor}).second; }

  // Drives that no clone needs: empty if this one is to be cloned.
  std::string reason_to_leave(const BlockDevice& device) const {
    const std::vector<std::string> drives = drives_below(golden_, device);
    if (drives.empty()) return "not a drive";
    auto all = [&](auto&& test) { return std::all_of(drives.begin(), drives.end(), test); };
    if (all([&](const std::string& d) { return draft_.named.count(d) > 0; })) return {};
    if (all([&](const std::string& d) { return draft_.left_out.count(d) > 0; }))
      return "left out by -X " + drives.front();
    for (const std::string& name : drives) {
      const BlockDevice* drive = draft_.device(name);
      if (drive == nullptr || !drive->is_drive()) return "not a drive";
      if (drive->removable && !draft_.options.allow_removable)
        return "a removable drive; --allow-removable takes it in";
    }
    return {};
  }

  std::string reason_to_refuse(const Mount& mount, const BlockDevice& device) const {
    if (std::string strange = strange_below(golden_, device); !strange.empty()) return strange;
    if (std::string partly = partly_left_out(device); !partly.empty()) return partly;
    const Reader* reader = find_reader(mount.type);
    if (!reader || !reader->mount_options)
      return mount.type + " cannot be cloned so far; " + types_that_are_cloned() + " can";
    if (device.partition == 0 && device.layer.empty())
      return "the whole drive is one file system, without a partition table";
    // What lies beside it, other versions of the system, is what its boot loader knows.
    if (mount.point == "/" && mount.root != "/" && !golden_.subvolumes.count(device.id()))
      return "/ is the directory " + mount.root +
             " of that file system, as OSTree and other systems of whole images have it; only a system whose / is a "
             "whole file system can be cloned";
    return {};
  }

  PlanDraft& draft_;
  const Golden& golden_;
  std::map<std::string, const Mount*> partly_;    // by partition: bind mounts
  std::set<std::pair<unsigned, unsigned>> seen_;  // devices already listed as not cloned
};

}  // namespace

void cut(PlanDraft& draft) {
  Cutter cutter(draft);
  cutter.sort_mounts();
  cutter.add_swap_drives();
  cutter.add_swap_files();
}

}  // namespace ka::server
