#include "server/view/metrics.h"

#include <cstdio>

#include "base/text.h"

namespace ka::server {

namespace {

std::string number_text(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.15g", value);
  return text;
}

// A label's value: its quotes and backslashes are escaped.
std::string quoted(const std::string& value) {
  std::string out = "\"";
  for (const char c : escape_bytes(value)) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

class Metrics {
 public:
  void family(const char* name, const char* type, const char* help) {
    text_ += std::string("# HELP ") + name + " " + help + "\n# TYPE " + name + " " + type + "\n";
    name_ = name;
  }
  void sample(double value, const std::string& labels = "") {
    text_ += name_ + (labels.empty() ? "" : "{" + labels + "}") + " " + number_text(value) + "\n";
  }
  void single(const char* name, const char* type, const char* help, double value) {
    family(name, type, help);
    sample(value);
  }
  std::string text() && { return std::move(text_); }

 private:
  std::string text_, name_;
};

}  // namespace

std::string metrics_text(const JobState& state) {
  using State = NodeStatus::State;
  Metrics out;
  const SessionView& session = state.running;
  out.family("ka_info", "gauge", "1; which program, and which job.");
  out.sample(1, "version=" + quoted(KA_VERSION) + ",session=" + quoted(state.plan.session));
  out.single("ka_nodes_wanted", "gauge", "Nodes that the job is for.", state.plan.wanted);
  out.family("ka_nodes", "gauge", "Nodes by their state.");
  for (State one : {State::waiting, State::running, State::finishing, State::done, State::failed, State::put_out})
    out.sample(static_cast<double>(count_of(state, one)), "state=" + quoted(state_name(one)));
  out.single("ka_rounds_total", "counter", "Rounds begun.", state.rounds);
  out.single("ka_heals_total", "counter", "Times a node got its data from another one than before.", state.heals);
  out.single("ka_put_outs_total", "counter", "Times a node was dropped from a round.", state.put_outs);
  out.single("ka_failures_total", "counter", "Times a node failed.", state.failures);
  out.single("ka_sent_bytes_total", "counter", "Bytes of all sessions, each once however many nodes get it.",
             static_cast<double>(state.bytes_sent));
  out.single("ka_session_running", "gauge", "1 while a session is sent.", session.name.empty() ? 0 : 1);
  out.single("ka_session_expected_bytes", "gauge", "Bytes of the running session; 0: not known.",
             static_cast<double>(session.expected));
  out.single("ka_session_written_bytes", "gauge", "What its nodes have written, on the average.",
             static_cast<double>(session.name.empty() ? 0 : written_on_average(session, state.nodes)));
  out.single("ka_session_bytes_per_second", "gauge", "How fast they write, on the average, lately.", session.rate);
  out.single("ka_window_bytes", "gauge", "What the server may hold for nodes that are behind.",
             static_cast<double>(session.progress.window));
  out.single("ka_window_held_bytes", "gauge", "What it holds now.", static_cast<double>(session.progress.held));
  out.family("ka_node_bytes_per_second", "gauge", "How fast each node of the running session receives.");
  for (const NodeStatus& node : state.nodes)
    if (node.order != 0)
      out.sample(node.rate, "node=" + quoted(node.host_name.empty() ? node.address : node.host_name) +
                                ",address=" + quoted(node.address) + ",number=" + quoted(std::to_string(node.number)));
  return std::move(out).text();
}

}  // namespace ka::server
