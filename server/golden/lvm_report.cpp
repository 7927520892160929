#include <nlohmann/json.hpp>

#include "base/error.h"
#include "server/golden/lvm.h"

namespace ka::server {

using nlohmann::json;

namespace {

constexpr const char* doing = "read LVM's report (lvm fullreport)";

std::vector<LvmRow> rows_of(const json& report, const char* kind) {
  std::vector<LvmRow> rows;
  if (!report.contains(kind)) return rows;
  for (const json& entry : report.at(kind)) {
    LvmRow& row = rows.emplace_back();
    for (const auto& [name, value] : entry.items())
      row[name] = value.is_string() ? value.get<std::string>() : value.dump();
  }
  return rows;
}

}  // namespace

std::vector<LvmGroup> parse_lvm_report(std::string_view text) {
  try {
    const json whole = json::parse(text);
    std::vector<LvmGroup> groups;
    for (const json& report : whole.at("report")) {
      LvmGroup& group = groups.emplace_back();
      for (LvmRow& row : rows_of(report, "vg")) group.group = std::move(row);
      group.physical = rows_of(report, "pv");
      group.volumes = rows_of(report, "lv");
      group.segments = rows_of(report, "seg");
    }
    return groups;
  } catch (const json::exception& error) {
    throw Error(doing, error.what());
  }
}

// Fields that LVM has had since 2017. The settings make the report the same whatever lvm.conf says.
std::vector<std::string> lvm_report_command() {
  const char* const settings =
      "report { mark_hidden_devices=1 list_item_separator=\",\" binary_values_as_numeric=0 } log { prefix=\"\" }";
  std::vector<std::string> argv = {"lvm",        "fullreport", "--reportformat", "json",     "--units",  "b",
                                   "--nosuffix", "--all",      "--foreign",      "--shared", "--config", settings};
  const std::pair<const char*, const char*> reports[] = {
      {"vg",
       "vg_name,vg_uuid,vg_fmt,vg_extent_size,vg_tags,vg_systemid,vg_lock_type,vg_clustered,vg_exported,"
       "vg_allocation_policy,vg_profile"},
      {"pv", "pv_name,pv_uuid,pv_major,pv_minor,pe_start,pv_pe_count,pv_tags,pv_missing,pv_mda_count"},
      {"lv",
       "lv_name,lv_uuid,lv_parent,lv_attr,lv_layout,lv_role,lv_size,lv_tags,lv_active,origin,pool_lv,data_lv,"
       "metadata_lv,mirror_log,lv_fixed_minor,lv_skip_activation,lv_profile,lv_allocation_policy,lv_metadata_size,"
       "lv_device_open"},
      {"seg",
       "lv_uuid,segtype,stripes,data_stripes,data_copies,stripe_size,chunk_size,discards,zero,devices,"
       "metadata_devices"},
      {"pvseg", "pvseg_start"}};
  for (const auto& [kind, fields] : reports) argv.insert(argv.end(), {"--configreport", kind, "-o", fields});
  return argv;
}

}  // namespace ka::server
