#include "server/report.h"

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "server/status_table.h"

namespace ka::server {

namespace {

using nlohmann::json;

json node_json(const NodeStatus& node) {
  return {{"address", escape_bytes(node.address)},
          {"host_name", escape_bytes(node.host_name)},
          {"hardware_address", escape_bytes(node.hardware_address)},
          {"result", state_name(node.state)},
          {"stage", escape_bytes(node.stage)},
          {"reason", escape_bytes(node.reason)},
          {"round", node.round}};
}

json session_json(const SessionRecord& record) {
  return {{"name", record.name},
          {"round", record.round},
          {"nodes", record.members},
          {"bytes", record.bytes},
          {"seconds", record.seconds}};
}

}  // namespace

bool succeeded(const Report& report) { return report.error.empty() && report.result.done >= report.wanted; }

std::string report_json(const Report& report) {
  json out;
  out["version"] = 1;
  out["program"] = "ka-server " KA_VERSION;
  out["session"] = report.session;
  out["result"] = succeeded(report) ? "done" : report.result.interrupted ? "interrupted" : "failed";
  out["nodes_wanted"] = report.wanted;
  out["nodes_done"] = report.result.done;
  out["seconds"] = report.seconds;
  out["error"] = escape_bytes(report.error);
  out["nodes"] = json::array();
  for (const NodeStatus& node : report.result.nodes) out["nodes"].push_back(node_json(node));
  out["sessions"] = json::array();
  for (const SessionRecord& record : report.sessions) out["sessions"].push_back(session_json(record));
  out["warnings"] = json::array();
  for (const std::string& warning : report.result.warnings) out["warnings"].push_back(escape_bytes(warning));
  return out.dump(2) + "\n";
}

}  // namespace ka::server
