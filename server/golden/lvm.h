#pragma once
/// What LVM says of itself, and what of it a clone can have.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "server/golden/layers.h"

namespace ka::server {

/// A line of one of LVM's reports: its words by the names of their fields, "lv_name".
using LvmRow = std::map<std::string, std::string>;

/// A volume group in `lvm fullreport`; of physical volumes that are in none, `group` is empty.
struct LvmGroup {
  LvmRow group;
  std::vector<LvmRow> physical, volumes, segments;
};

/// Throws Error if it is no report of LVM's.
std::vector<LvmGroup> parse_lvm_report(std::string_view json);

/// Appends all groups. `mapped`: the UUIDs of the device mapper by the kernel's names, {"dm-0", "LVM-…"}; `system_id`:
/// this machine's own, may be empty. Throws Error if a field is missing.
void read_lvm(const std::vector<LvmGroup>& groups, const std::vector<BlockDevice>& devices,
              const std::map<std::string, std::string>& mapped, std::string_view system_id, Layers& layers);

/// The command whose report is understood here.
std::vector<std::string> lvm_report_command();

}  // namespace ka::server
