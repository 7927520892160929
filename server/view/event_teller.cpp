#include "server/view/event_teller.h"

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "base/utc_text.h"
#include "server/job/status_table.h"
#include "server/view/status_json.h"

namespace ka::server {

namespace {

using nlohmann::json;

constexpr auto progress_every = std::chrono::seconds(1);

json who(const NodeStatus& node) {
  return {{"number", node.number},
          {"address", escape_bytes(node.address)},
          {"host_name", escape_bytes(node.host_name)},
          {"hardware_address", escape_bytes(node.hardware_address)}};
}

}  // namespace

EventTeller::EventTeller(std::string session, unsigned wanted, Hear hear)
    : session_(std::move(session)), wanted_(wanted), hear_(std::move(hear)) {}

void EventTeller::tell(const char* name, json fields, bool frequent) {
  fields["event"] = name;
  fields["time"] = utc_text_ms(std::chrono::system_clock::now());
  fields["job"] = session_;
  hear_({name, fields.dump(), frequent});
}

void EventTeller::began() { tell("job_began", {{"nodes_wanted", wanted_}, {"program", "ka-server " KA_VERSION}}); }

void EventTeller::ended(const Report& report) {
  tell("job_ended", {{"result", result_word(report)},
                     {"nodes_done", report.result.done},
                     {"nodes_wanted", report.wanted},
                     {"error", escape_bytes(report.error)}});
}

void EventTeller::event(const std::string& text) { tell("log", {{"text", escape_bytes(text)}}, true); }

void EventTeller::node(const NodeStatus& status) {
  auto [known, is_new] = known_.try_emplace(status.number, status.state, status.stage);
  const bool moved_on = is_new || known->second.first != status.state;
  if (!moved_on && known->second.second == status.stage) return;
  known->second = {status.state, status.stage};
  tell("node",
       {{"node", who(status)},
        {"state", state_name(status.state)},
        {"stage", escape_bytes(status.stage)},
        {"reason", escape_bytes(status.reason)},
        {"round", status.round}},
       !moved_on);
}

void EventTeller::offered(const NodeStatus& status) {
  tell("disks", {{"node", who(status)}, {"disks", disks_json(status.disks)}});
}

void EventTeller::healed(const NodeStatus& status, const NodeStatus* upstream) {
  tell("heal", {{"node", who(status)}, {"upstream", upstream ? who(*upstream) : json(nullptr)}});
}

void EventTeller::session_started(const Session& session, unsigned round, unsigned members) {
  round_ = round;
  progress_told_ = std::chrono::steady_clock::now();
  tell("session_began",
       {{"session", session.name}, {"round", round}, {"nodes", members}, {"expected", session.expected}});
}

void EventTeller::session_progress(const Session& session, const Progress& progress) {
  const auto now = std::chrono::steady_clock::now();
  if (now - progress_told_ < progress_every) return;
  progress_told_ = now;
  tell("progress",
       {{"session", session.name},
        {"round", round_},
        {"bytes", progress.bytes},
        {"expected", session.expected},
        {"held_up_by", escape_bytes(progress.held_up_by)},
        {"window", progress.window},
        {"held", progress.held}},
       true);
}

void EventTeller::session_ended(const Session& session, std::uint64_t bytes, std::chrono::duration<double> elapsed,
                                const std::vector<std::string>& warnings) {
  json said = json::array();
  for (const std::string& warning : warnings) said.push_back(escape_bytes(warning));
  tell("session_ended", {{"session", session.name},
                         {"round", round_},
                         {"whole", true},
                         {"bytes", bytes},
                         {"seconds", elapsed.count()},
                         {"warnings", std::move(said)}});
}

void EventTeller::session_failed(const Session& session) {
  tell("session_ended", {{"session", session.name}, {"round", round_}, {"whole", false}});
}

}  // namespace ka::server
