#include "server/command/check_report.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/text.h"

namespace ka::server {

namespace {

using nlohmann::json;

json escaped(const std::vector<std::string>& texts) {
  json list = json::array();
  for (const std::string& text : texts) list.push_back(escape_bytes(text));
  return list;
}

json head(const CloneOptions& options, const char* result) {
  return {{"version", 1},
          {"program", "ka-server " KA_VERSION},
          {"result", result},
          {"session", escape_bytes(options.session)},
          {"nodes_wanted", options.nodes}};
}

// What a node is told, without the contents of files; and what stays here.
json plan_json(const Prepared& ready) {
  const Plan& plan = ready.plan;
  const json told = json::parse(wire::to_json(plan.manifest));
  json out;
  for (const char* key : {"golden_host", "disks", "file_systems", "raw_partitions", "boot_loader", "targets"}) {
    if (told.contains(key)) out[key] = told[key];
  }
  for (json& disk : out["disks"]) disk.erase("boot_code");
  out["excluded"] = escaped(plan.excluded);
  out["not_cloned"] = json::array();
  for (const Plan::NotCloned& item : plan.not_cloned)
    out["not_cloned"].push_back({{"what", escape_bytes(item.what)}, {"why", escape_bytes(item.why)}});
  out["swap_files"] = json::array();
  for (const Swap& swap : plan.swap_files) out["swap_files"].push_back(escape_bytes(swap.path));
  out["hooks"] = json::array();
  for (const wire::Hook& hook : plan.manifest.hooks) out["hooks"].push_back(escape_bytes(hook.name));
  out["stage2"] = escape_bytes(ready.stage2.from);
  out["expected_bytes"] = plan.expected;
  return out;
}

}  // namespace

std::string check_json(const CloneOptions& options, const Prepared& ready) {
  json out = head(options, "possible");
  out["plan"] = plan_json(ready);
  out["warnings"] = escaped(ready.plan.warnings);
  out["refusals"] = json::array();
  return out.dump(2) + "\n";
}

std::string check_json(const CloneOptions& options, const std::exception& error) {
  auto refusal = dynamic_cast<const Refusal*>(&error);
  json out = head(options, "refused");
  out["plan"] = nullptr;
  out["warnings"] = escaped(refusal != nullptr ? refusal->warnings() : std::vector<std::string>());
  out["refusals"] = escaped(refusal != nullptr ? refusal->reasons() : std::vector<std::string>{words_of(error)});
  return out.dump(2) + "\n";
}

}  // namespace ka::server
