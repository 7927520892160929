#pragma once
/// A plan while it is made: what the parts of make_plan() (server/plan/plan.cpp) hand on to each other, in this order.

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "server/plan/plan.h"

namespace ka::server {

struct PlanDraft {
  PlanDraft(const Golden& golden, const PlanInput& input) : golden(golden), input(input), options(input.options) {}

  const Golden& golden;
  const PlanInput& input;
  const CloneOptions& options;

  Plan plan;
  std::vector<std::string> refusals;
  std::set<std::string> left_out, named;        ///< drives: -X; -p, -m, -M, -D
  std::set<std::string> drives;                 ///< that are cloned
  std::set<std::string> raw, swapping;          ///< partitions: -D; swap in use
  std::map<std::string, const Mount*> mounted;  ///< by partition: what is cloned
  struct Seen {
    std::string path, base;  ///< where the subvolume's parent shows it, and where that one is
    std::string name;        ///< for people; empty: it comes from another place, or stays here
  };
  std::vector<Seen> seen;                        ///< subvolumes in others
  std::map<std::string, std::string> boot_code;  ///< -m and -M, of the drives that are there

  void refuse(std::string reason) { refusals.push_back(std::move(reason)); }
  void warn(std::string text) { plan.warnings.push_back(std::move(text)); }
  void leave_out(const std::string& what, std::string why) { plan.not_cloned.push_back({what, std::move(why)}); }

  /// An option names what is not there: on the command line that is a mistake to be mended now; ka.conf may be the same
  /// for machines that differ. `key` is the option's long name without dashes.
  void not_there(std::string_view key, const std::string& value, const std::string& text);

  bool excluded_path(std::string_view path) const;  ///< does -x leave it out?
  const BlockDevice* device(std::string_view name) const { return find_device(golden.devices, name); }
  const Probe* probe(const std::string& partition) const;

  /// Throws Error with every reason, one a line, if there is any.
  void stop_if_refused() const;
};

/// Did ka.conf give this value of an option (its long name without dashes), and not the command line alone?
bool is_from_file(const CloneOptions& options, std::string_view key, std::string_view value);

/// The names in the options: drives, directories, partitions. (plan_names.cpp)
void read_names(PlanDraft& draft);
/// What is mounted, and swap in use: what of it is cloned, what stays here, what cannot be cloned. (plan_cut.cpp)
void cut(PlanDraft& draft);
/// The partitions of the cloned drives and what is made on them. (plan_drives.cpp)
void add_drives(PlanDraft& draft);
/// What is made of the disks and partitions that are in the plan. Returns the devices that are made and of which
/// nothing more is. (plan_layers.cpp)
std::vector<storage::Node> add_layers(PlanDraft& draft);
/// -p of volume groups (plan_layers.cpp)
void size_volumes(PlanDraft& draft);
/// --shrink (plan_layers.cpp)
void let_files_shrink(storage::Storage& storage);
/// Subvolumes of a content that is mounted in parts, and its mounts, with these options. (plan_subvolumes.cpp)
void add_subvolumes(PlanDraft& draft, storage::Node& content, const std::string& options);
/// Then, with all mounts known: where they are seen twice.
void hide_subvolumes(PlanDraft& draft);
/// Boot loader and modules; whether a clone could start; --target. (plan_boot.cpp)
void add_boot_loader(PlanDraft& draft);
/// How the clones start by UEFI, into the manifest; "", or why they do not. (plan_uefi.cpp)
std::string add_uefi_way(PlanDraft& draft);
void add_targets(PlanDraft& draft);
/// That what a clone gets leads from its boot loader to its root. (plan_trace.cpp)
void follow_boot(PlanDraft& draft);
/// What fstab says that a clone would wait for, or would have empty. (plan_fstab.cpp)
void check_fstab(PlanDraft& draft);

/// What opens what is encrypted: that it is known, and may be sent. (plan_luks.cpp)
void check_luks(PlanDraft& draft);

/// Room that the last steps of a clone need, noted in the file systems of the plan. (plan_room.cpp)
void add_needs(PlanDraft& draft);

}  // namespace ka::server
