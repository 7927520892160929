// Whether the stage2 that will be sent can make what the golden machine has.
#include "base/text.h"
#include "server/plan/plan.h"
#include "wire/storage/makes.h"
#include "wire/storage/rule.h"

namespace ka::server {

namespace {

// For people: "sda6 (/srv)".
std::string place_of(const Plan& plan, const storage::Node& content) {
  for (const wire::Mount& mount : plan.manifest.mounts)
    if (mount.fs == content.id) return content.on.front() + " (" + escape_bytes(mount.point) + ")";
  return content.on.front();
}

}  // namespace

void check_stage2(Plan& plan, const std::string& makes) {
  if (makes.empty()) {
    plan.warnings.emplace_back(
        "what this stage2 can make is not known (it has no ka/stage2.json, or cannot be mounted here): what it cannot, "
        "a node refuses");
    return;
  }
  const storage::Makes known = storage::parse_makes(makes);
  std::vector<std::string> refusals;
  for (const storage::Node& node : plan.manifest.storage.nodes) {
    const storage::Rule& kind = storage::rule(node);
    if (kind.sort != storage::Sort::content || kind.comes_by_stream) continue;
    const std::string why = storage::cannot_make(known, node);
    if (!why.empty())
      refusals.push_back(place_of(plan, node) + " has " + why +
                         "; a stage2 of newer packages may (make update), -x leaves a mount point out");
  }
  if (!refusals.empty()) throw Refusal(refusals, plan.warnings);
}

}  // namespace ka::server
