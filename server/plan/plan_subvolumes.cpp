// A file system that is mounted in parts: each of its subvolumes comes once, from the place where it is seen best.
#include <algorithm>

#include "base/text.h"
#include "server/golden/paths.h"
#include "server/plan/plan_draft.h"
#include "wire/storage/rule.h"

namespace ka::server {

namespace {

using storage::Btrfs;

class SubvolumeAdder {
 public:
  SubvolumeAdder(PlanDraft& draft, storage::Node& content, const std::string& options)
      : draft_(draft),
        content_(content),
        device_(content.on.front()),
        found_(draft.golden.subvolumes.at(device_)),
        options_(options) {}

  void add() {
    find_mounts();
    find_kept();
    for (const GoldenSubvolume& s : found_.all) add_subvolume(s);
    auto& fs = std::get<Btrfs>(content_.what);
    fs.data = found_.data;
    if (found_.data.empty())
      draft_.refuse(device_ + ": its data lie in several ways or on several devices (btrfs filesystem df " +
                    (home_.empty() ? "/" : home_.begin()->second) + "); a balance to one of single and dup helps");
    for (const auto& [path, point] : home_) add_mount(path, point, false);
    if (!home_.count("")) add_mount("", apart_, true);
    tell_of_snapshots();
  }

 private:
  const GoldenSubvolume* subvolume(std::string_view path) const {
    auto same = [&](const GoldenSubvolume& s) { return s.path == path; };
    auto found = std::find_if(found_.all.begin(), found_.all.end(), same);
    return found == found_.all.end() ? nullptr : &*found;
  }

  // Where each subvolume is mounted: / first, else where it was mounted first. What shows a directory of one only is a
  // bind mount: its files come with the subvolume.
  void find_mounts() {
    for (bool root : {true, false})
      for (const Mount& mount : draft_.golden.mounts) {
        const BlockDevice* device = draft_.device(mount.source);
        if ((mount.point == "/") != root || !device || device->id() != device_) continue;
        const std::string path = mount.root.substr(mount.root.find_first_not_of('/') == std::string::npos
                                                       ? mount.root.size()
                                                       : mount.root.find_first_not_of('/'));
        if (path.empty() || subvolume(path)) {
          home_.emplace(path, mount.point);
        } else if (root) {
          draft_.refuse("/ is the directory " + mount.root + " of the file system on " + device_ +
                        ", as OSTree and other systems of whole images have it; only a whole subvolume can be cloned");
        }
      }
    apart_ = std::string(wire::apart_place) + device_;
  }

  // The subvolume that holds one, "" for the top.
  std::string above(std::string_view path) const {
    for (std::size_t slash = path.rfind('/'); slash != std::string_view::npos; slash = path.rfind('/')) {
      path = path.substr(0, slash);
      if (subvolume(path)) return std::string(path);
    }
    return "";
  }

  // Where its files are seen in the tree that is sent.
  std::string place(const std::string& path) const {
    if (auto mounted = home_.find(path); mounted != home_.end()) return mounted->second;
    return path.empty() ? apart_ : place_in_parent(path);
  }

  // Where the one that holds it shows it, which a mount may hide.
  std::string place_in_parent(const std::string& path) const {
    const std::string up = above(path), base = place(up);
    return (base == "/" ? "" : base) + "/" + (up.empty() ? path : path.substr(up.size() + 1));
  }

  bool left_out_by_option(const std::string& path) const {
    const std::string where = place(path);
    return std::any_of(draft_.plan.excluded.begin(), draft_.plan.excluded.end(),
                       [&](const std::string& e) { return where != e && lies_in(where, e); });
  }

  // What is mounted or the default, what is no snapshot, and all that these lie in.
  void find_kept() {
    for (const GoldenSubvolume& s : found_.all) {
      const bool used = home_.count(s.path) || s.id == found_.default_id;
      if (!used && (s.snapshot || left_out_by_option(s.path))) continue;
      if (!used && lies_in_left_out(s.path)) continue;
      kept_.insert(s.path);
      for (std::string up = above(s.path); !up.empty(); up = above(up)) kept_.insert(up);
    }
  }

  bool lies_in_left_out(const std::string& path) const {
    const std::string up = above(path);
    return !up.empty() && !kept_.count(up);  // parents come first
  }

  void add_subvolume(const GoldenSubvolume& s) {
    if (!kept_.count(s.path)) {
      if (s.snapshot)
        snapshots_.push_back(s.path);
      else if (!left_out_by_option(s.path))
        draft_.leave_out(s.path + " (" + device_ + ")", "a subvolume that lies in a snapshot");
    } else {
      auto& fs = std::get<Btrfs>(content_.what);
      fs.subvolumes.push_back({s.path, s.id, s.read_only, s.id == found_.default_id});
    }
    const bool comes_from_here = kept_.count(s.path) && !home_.count(s.path);
    draft_.seen.push_back(
        {place_in_parent(s.path), place(above(s.path)), comes_from_here ? s.path + " (" + device_ + ")" : ""});
  }

  void add_mount(const std::string& path, const std::string& point, bool apart) {
    if (path.find(',') != std::string::npos)
      draft_.refuse(point + ": the name of its subvolume " + escape_bytes(path) +
                    " has a comma, which ends an option of mount; rename it");
    draft_.plan.manifest.mounts.push_back({content_.id, point, options_, path, apart});
  }

  void tell_of_snapshots() {
    constexpr std::size_t most = 3;
    std::string names;
    for (std::size_t i = 0; i < std::min(most, snapshots_.size()); ++i)
      names += (i ? ", " : "") + escape_bytes(snapshots_[i]);
    if (snapshots_.empty()) return;
    if (snapshots_.size() > most) names += " and " + std::to_string(snapshots_.size() - most) + " more";
    draft_.leave_out(names + " (" + device_ + ")", snapshots_.size() == 1
                                                       ? "a snapshot; it is neither mounted nor the default subvolume"
                                                       : "snapshots; none is mounted or the default subvolume");
  }

  PlanDraft& draft_;
  storage::Node& content_;
  const std::string device_;
  const Subvolumes& found_;
  const std::string options_;
  std::string apart_;                        // the place of what no mount shows
  std::map<std::string, std::string> home_;  // by subvolume, "" for the top: where it is mounted
  std::set<std::string> kept_;
  std::vector<std::string> snapshots_;
};

}  // namespace

void hide_subvolumes(PlanDraft& draft) {
  for (const PlanDraft::Seen& seen : draft.seen) {
    auto hides = [&](const wire::Mount& mount) {
      return !mount.apart && lies_in(seen.path, mount.point) && mount.point != seen.base &&
             lies_in(mount.point, seen.base);
    };
    const auto& mounts = draft.plan.manifest.mounts;
    const bool hidden = std::any_of(mounts.begin(), mounts.end(), hides);
    // Else its files would come twice, or those of a snapshot at all.
    if (!hidden && seen.name.empty()) draft.plan.unseen.push_back(seen.path);
    if (hidden && !seen.name.empty())
      draft.refuse(seen.path + ": the subvolume " + escape_bytes(seen.name) +
                   " lies below a mount point, which hides it: its files could not be read; mount it somewhere, or "
                   "delete it");
  }
}

void add_subvolumes(PlanDraft& draft, storage::Node& content, const std::string& options) {
  SubvolumeAdder(draft, content, options).add();
}

}  // namespace ka::server
