#include "server/view/status_json.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/text.h"
#include "base/utc_text.h"

namespace ka::server {

namespace {

using nlohmann::json;
using State = NodeStatus::State;

constexpr State states[] = {State::waiting, State::running, State::finishing,
                            State::done,    State::failed,  State::put_out};

json node_json(const NodeStatus& node, const JobState::Node& more) {
  return {{"number", node.number},
          {"address", escape_bytes(node.address)},
          {"host_name", escape_bytes(node.host_name)},
          {"hardware_address", escape_bytes(node.hardware_address)},
          {"state", state_name(node.state)},
          {"stage", escape_bytes(node.stage)},
          {"reason", escape_bytes(node.reason)},
          {"failures", node.failures},
          {"round", node.round},
          {"order", node.order},
          {"received", node.received},
          {"sunk", node.sunk},
          {"rate", static_cast<std::uint64_t>(node.rate)},
          {"heals", more.heals},
          {"put_outs", more.put_outs},
          {"disks", disks_json(more.disks)}};
}

json moved_json(const NodeStatus& node) {
  return json::array({node.number, node.received, node.sunk, static_cast<std::uint64_t>(node.rate)});
}

json past_json(const SessionRecord& record) {
  return {{"name", record.name},
          {"round", record.round},
          {"nodes", record.members},
          {"bytes", record.bytes},
          {"seconds", record.seconds}};
}

json running_json(const JobState& state) {
  const SessionView& session = state.running;
  if (session.name.empty()) return nullptr;
  const std::uint64_t written = written_on_average(session, state.nodes);
  json out = {{"name", session.name},
              {"round", session.round},
              {"nodes", session.members},
              {"expected", session.expected},
              {"read", session.progress.bytes},
              {"written", written},
              {"rate", static_cast<std::uint64_t>(session.rate)},
              {"held_up_by", escape_bytes(session.progress.held_up_by)},
              {"window", session.progress.window},
              {"held", session.progress.held},
              {"packed_in", session.progress.packed_in},
              {"packed_out", session.progress.packed_out}};
  out["held_up_node"] = session.progress.held_up_node ? json(*session.progress.held_up_node) : json(nullptr);
  const bool known = session.rate > 0 && session.expected > written;
  out["seconds_left"] = known ? json(static_cast<double>(session.expected - written) / session.rate) : json(nullptr);
  return out;
}

json totals_json(const JobState& state) {
  json out = {{"state", phase_of(state)},
              {"seconds", std::chrono::duration<double>(JobState::Clock::now() - state.clock_began).count()},
              {"rounds", state.rounds},
              {"heals", state.heals},
              {"put_outs", state.put_outs},
              {"failures", state.failures},
              {"bytes_sent", state.bytes_sent},
              {"running", running_json(state)}};
  json& counts = out["counts"] = json::object();
  for (State one : states) counts[state_name(one)] = count_of(state, one);
  return out;
}

json line_json(const JobState::Line& line) {
  return {{"time", utc_text_ms(line.at)}, {"text", escape_bytes(line.text)}};
}

json heal_json(const JobState::Heal& heal) {
  return {{"node", heal.node}, {"upstream", heal.upstream ? json(*heal.upstream) : json(nullptr)}};
}

json escaped_json(const std::vector<std::string>& lines) {
  json out = json::array();
  for (const std::string& line : lines) out.push_back(escape_bytes(line));
  return out;
}

}  // namespace

json disks_json(const std::vector<wire::DiskOffer>& disks) {
  json out = json::array();
  for (const wire::DiskOffer& disk : disks)
    out.push_back({{"golden", escape_bytes(disk.golden)},
                   {"name", escape_bytes(disk.name)},
                   {"model", escape_bytes(disk.model)},
                   {"serial", escape_bytes(disk.serial)},
                   {"size", disk.size},
                   {"contents", escape_bytes(disk.contents)}});
  return out;
}

json status_json(const JobState& state) {
  json out = totals_json(state);
  out["version"] = 1;
  out["program"] = "ka-server " KA_VERSION;
  out["id"] = state.id;
  out["session"] = state.plan.session;
  out["nodes_wanted"] = state.plan.wanted;
  out["began"] = utc_text_ms(state.began);
  out["plan"] = {{"text", escaped_json(state.plan.text)},
                 {"tree", escaped_json(state.plan.tree)},
                 {"sessions", escaped_json(state.plan.sessions)}};
  out["nodes"] = json::array();
  for (std::size_t i = 0; i < state.nodes.size(); ++i) out["nodes"].push_back(node_json(state.nodes[i], state.more[i]));
  out["sessions"] = json::array();
  for (const SessionRecord& record : state.past) out["sessions"].push_back(past_json(record));
  out["log"] = json::array();
  for (const JobState::Line& line : state.log) out["log"].push_back(line_json(line));
  out["warnings"] = escaped_json(state.warnings);
  out["error"] = escape_bytes(state.error);
  return out;
}

json changes_json(const JobState& state, std::uint64_t since) {
  json out = totals_json(state);
  json changed = json::array(), moved = json::array(), log = json::array(), heals = json::array();
  for (std::size_t i = 0; i < state.nodes.size(); ++i) {
    if (state.more[i].told > since)
      changed.push_back(node_json(state.nodes[i], state.more[i]));
    else if (state.more[i].moved > since)
      moved.push_back(moved_json(state.nodes[i]));
  }
  for (const JobState::Line& line : state.log)
    if (line.version > since) log.push_back(line_json(line));
  for (const JobState::Heal& heal : state.last_heals)
    if (heal.version > since) heals.push_back(heal_json(heal));
  out["changed"] = std::move(changed);
  out["moved"] = std::move(moved);
  out["log"] = std::move(log);
  out["healed"] = std::move(heals);
  if (state.past_version > since) {
    out["sessions"] = json::array();
    for (const SessionRecord& record : state.past) out["sessions"].push_back(past_json(record));
  }
  return out;
}

namespace {

State parse_state(const std::string& word) {
  for (State one : states)
    if (word == state_name(one)) return one;
  throw Error("no state of a node is called " + word);
}

NodeStatus parse_node(const json& in) {
  NodeStatus node;
  node.number = in.at("number");
  node.address = in.at("address");
  node.host_name = in.at("host_name");
  node.hardware_address = in.at("hardware_address");
  node.state = parse_state(in.at("state"));
  node.stage = in.at("stage");
  node.reason = in.at("reason");
  node.failures = in.value("failures", 0u);
  node.round = in.at("round");
  node.order = in.at("order");
  node.received = in.at("received");
  node.sunk = in.at("sunk");
  node.rate = in.at("rate");
  return node;
}

SessionView parse_running(const json& in) {
  SessionView session;
  if (in.is_null()) return session;
  session.name = in.at("name");
  session.round = in.at("round");
  session.members = in.at("nodes");
  session.expected = in.at("expected");
  session.rate = in.at("rate");
  session.progress.bytes = in.at("read");
  session.progress.held_up_by = in.at("held_up_by");
  session.progress.packed_in = in.at("packed_in");
  session.progress.packed_out = in.at("packed_out");
  return session;
}

}  // namespace

JobState parse_status(const std::string& text) {
  try {
    const json in = json::parse(text);
    if (in.at("version") != 1) throw Error("it is of another version: use the ka-server of that machine");
    JobState state;
    state.plan.session = in.at("session");
    state.plan.wanted = in.at("nodes_wanted");
    state.id = in.value("id", "");
    for (const json& session : in.at("plan").at("sessions")) state.plan.sessions.push_back(session);
    state.running = parse_running(in.at("running"));
    for (const json& node : in.at("nodes")) state.nodes.push_back(parse_node(node));
    state.more.resize(state.nodes.size());
    state.error = in.at("error");
    const std::string phase = in.at("state");
    if (phase == "done" || phase == "failed" || phase == "interrupted") state.result = phase;
    return state;
  } catch (const json::exception&) {
    throw Error("that is no status of a ka-server");
  }
}

}  // namespace ka::server
