#include "server/status_table.h"

#include <algorithm>
#include <cstdio>

#include "base/text.h"

namespace ka::server {

namespace {

using State = NodeStatus::State;

constexpr double mib = 1024.0 * 1024.0;

// Cut to `width` columns; everything here is ASCII.
std::string cut(std::string text, std::size_t width) {
  if (text.size() > width) text.resize(width);
  return text;
}

std::string padded(std::string text, std::size_t width) {
  text.resize(std::max(width, text.size()), ' ');
  return text;
}

std::string name_of(const NodeStatus& node) {
  return escape_bytes(node.address) + (node.host_name.empty() ? "" : " " + escape_bytes(node.host_name));
}

// Who needs a look comes first; among equals the chain's order stays.
int urgency(State state) {
  switch (state) {
    case State::failed: return 0;
    case State::put_out: return 1;
    case State::running: return 2;
    case State::finishing: return 3;
    case State::waiting: return 4;
    case State::done: return 5;
  }
  return 6;
}

std::string percent_text(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return "";
  // The expected size is an estimate: 100 is said by the end of the session alone.
  auto percent = std::min<std::uint64_t>(99, part * 100 / whole);
  return std::to_string(percent) + "%";
}

std::string rate_text(double rate) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f MiB/s", rate / mib);
  return rate > 0 ? text : "";
}

std::string left_text(std::uint64_t part, std::uint64_t whole, double rate) {
  if (rate <= 0 || whole <= part) return "";
  return format_duration(static_cast<double>(whole - part) / rate) + " left";
}

std::string counts_text(const std::vector<NodeStatus>& nodes, unsigned wanted) {
  auto count = [&](State state) {
    return std::count_if(nodes.begin(), nodes.end(), [&](const NodeStatus& n) { return n.state == state; });
  };
  std::string text = std::to_string(nodes.size()) + " here, " + std::to_string(count(State::done)) + " done";
  if (count(State::failed) > 0) text += ", " + std::to_string(count(State::failed)) + " failed";
  return text + ", " + std::to_string(wanted) + " wanted";
}

std::string progress_text(const SessionView& session) {
  if (session.name.empty()) return "Waiting for nodes";
  const std::uint64_t bytes = session.progress.bytes;
  std::string text = session.name + ": " + format_size(bytes);
  if (session.expected > 0)
    text += " of about " + format_size(std::max(bytes, session.expected)) + " " + percent_text(bytes, session.expected);
  if (std::string rate = rate_text(session.rate); !rate.empty()) text += ", " + rate;
  if (std::string left = left_text(bytes, session.expected, session.rate); !left.empty()) text += ", " + left;
  if (session.round > 1) text += ", round " + std::to_string(session.round);
  return text;
}

std::string limit_text(const Progress& progress) {
  std::string text;
  if (progress.packed_out > 0) text = "packed to " + percent_text(progress.packed_out, progress.packed_in);
  if (progress.held_up_by.empty()) return text;
  return text + (text.empty() ? "" : ", ") + "held up by " + escape_bytes(progress.held_up_by);
}

std::string node_line(const NodeStatus& node, const SessionView& session, std::size_t name_width) {
  std::string text = padded(name_of(node), name_width) + "  " + padded(state_name(node.state), 9) + "  ";
  if (node.state == State::failed || node.state == State::put_out) return text + escape_bytes(node.reason);
  text += padded(escape_bytes(node.stage), 12);
  if (node.state == State::running && !session.name.empty() && node.stage == session.name) {
    const std::string far = session.expected > 0 ? percent_text(node.sunk, session.expected) : format_size(node.sunk);
    text += "  " + padded(far, 4) + "  " + padded(rate_text(node.rate), 12) + "  " +
            left_text(node.sunk, session.expected, node.rate);
  }
  return text;
}

std::vector<const NodeStatus*> by_urgency(const std::vector<NodeStatus>& nodes) {
  std::vector<const NodeStatus*> order;
  for (const NodeStatus& node : nodes) order.push_back(&node);
  std::stable_sort(order.begin(), order.end(),
                   [](const NodeStatus* a, const NodeStatus* b) { return urgency(a->state) < urgency(b->state); });
  return order;
}

std::size_t name_width(const std::vector<NodeStatus>& nodes) {
  std::size_t width = 0;
  for (const NodeStatus& node : nodes) width = std::max(width, name_of(node).size());
  return std::min<std::size_t>(width, 40);
}

}  // namespace

std::vector<std::string> session_lines(const SessionView& session, const std::vector<NodeStatus>& nodes,
                                       unsigned wanted) {
  std::vector<std::string> lines{progress_text(session) + " | " + counts_text(nodes, wanted)};
  const std::string limit = limit_text(session.progress);
  if (!session.name.empty() && !limit.empty()) lines.push_back("  " + limit);
  return lines;
}

std::vector<std::string> live_table(const SessionView& session, const std::vector<NodeStatus>& nodes, unsigned wanted,
                                    unsigned width, unsigned height) {
  std::vector<std::string> lines = session_lines(session, nodes, wanted);
  std::size_t room = height > lines.size() + 1 ? height - lines.size() - 1 : 1;
  bool all_fit = nodes.size() <= room;
  std::vector<const NodeStatus*> order = by_urgency(nodes);
  if (!all_fit) order.resize(room - 1);
  std::size_t column = name_width(nodes);
  for (const NodeStatus* node : order) lines.push_back(node_line(*node, session, column));
  if (!all_fit) lines.push_back("... and " + std::to_string(nodes.size() - order.size()) + " more");
  for (std::string& line : lines) line = cut(std::move(line), width);
  return lines;
}

std::string result_table(const std::vector<NodeStatus>& nodes, unsigned wanted) {
  std::string text;
  std::size_t column = std::max<std::size_t>(name_width(nodes), 4);
  if (!nodes.empty()) text = padded("node", column) + "  " + padded("result", 9) + "  reason\n";
  unsigned done = 0;
  for (const NodeStatus& node : nodes) {
    bool ended = node.state == State::done || node.state == State::failed || node.state == State::put_out;
    std::string reason = !node.reason.empty() ? node.reason : ended ? "" : "ended while " + node.stage;
    std::string line =
        padded(name_of(node), column) + "  " + padded(state_name(node.state), 9) + "  " + escape_bytes(reason);
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
    done += node.state == State::done;
  }
  return text + std::to_string(done) + " of " + std::to_string(wanted) + " nodes done\n";
}

const char* state_name(State state) {
  switch (state) {
    case State::waiting: return "waiting";
    case State::running: return "running";
    case State::finishing: return "finishing";
    case State::done: return "done";
    case State::failed: return "failed";
    case State::put_out: return "put out";
  }
  return "";
}

std::string format_duration(double seconds) {
  auto whole = static_cast<std::uint64_t>(std::clamp(seconds, 0.0, 359999.0) + 0.5);
  char text[32];
  if (whole < 60) {
    std::snprintf(text, sizeof text, "%u s", static_cast<unsigned>(whole));
  } else if (whole < 3600) {
    std::snprintf(text, sizeof text, "%u:%02u", static_cast<unsigned>(whole / 60), static_cast<unsigned>(whole % 60));
  } else {
    std::snprintf(text, sizeof text, "%u:%02u:%02u", static_cast<unsigned>(whole / 3600),
                  static_cast<unsigned>(whole / 60 % 60), static_cast<unsigned>(whole % 60));
  }
  return text;
}

std::string totals_text(std::uint64_t bytes, std::chrono::duration<double> elapsed) {
  double seconds = std::max(elapsed.count(), 0.001);
  double megs = static_cast<double>(bytes) / mib;
  char text[160];
  std::snprintf(text, sizeof text,
                "Total data sent = %.0f Megs\nTransfer time = %.3f seconds, throughput = %.3f Mbytes/second\n", megs,
                seconds, megs / seconds);
  return text;
}

}  // namespace ka::server
