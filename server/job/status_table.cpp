#include "server/job/status_table.h"

#include <algorithm>
#include <cstdio>
#include <tuple>

#include "base/text.h"

namespace ka::server {

namespace {

using State = NodeStatus::State;

// A terminal so low has no room for a bar; one so narrow none for what the head says anyway.
constexpr unsigned high_enough_for_a_bar = 8, wide_enough_for_the_stage = 60;
constexpr std::size_t widest_bar = 78, widest_name = 40;

// Cut to `width` columns, which can be seen; everything here is ASCII.
std::string cut(std::string text, std::size_t width) {
  if (text.size() <= width) return text;
  text.resize(width);
  if (width > 0) text.back() = '~';
  return text;
}

std::string padded(std::string text, std::size_t width) {
  text.resize(std::max(width, text.size()), ' ');
  return text;
}

std::string without_blanks_at_its_end(std::string text) {
  text.resize(text.find_last_not_of(' ') + 1);
  return text;
}

std::string name_of(const NodeStatus& node) {
  return escape_bytes(node.address) + (node.host_name.empty() ? "" : " " + escape_bytes(node.host_name));
}

// Who needs a look comes first.
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

std::string rate_text(double rate) { return rate > 0 ? format_size(static_cast<std::uint64_t>(rate)) + "/s" : ""; }

std::string left_text(std::uint64_t part, std::uint64_t whole, double rate) {
  if (rate <= 0 || whole <= part) return "";
  return format_duration(static_cast<double>(whole - part) / rate) + " left";
}

std::size_t count(const std::vector<NodeStatus>& nodes, State state) {
  auto has_it = [&](const NodeStatus& node) { return node.state == state; };
  return static_cast<std::size_t>(std::count_if(nodes.begin(), nodes.end(), has_it));
}

bool takes_part(const NodeStatus& node, const SessionView& session) {
  return (node.state == State::running || node.state == State::finishing) && node.stage == session.name;
}

// Appends `piece` and what separates it, if that fits.
void add(std::string& line, const std::string& piece, std::size_t width) {
  const char* separator = line.empty() || line.ends_with(": ") || line.ends_with("  ") ? "" : ", ";
  if (!piece.empty() && line.size() + piece.size() + 2 <= width) line += separator + piece;
}

void add_counts(std::string& line, const std::vector<NodeStatus>& nodes, unsigned wanted, std::size_t width) {
  add(line, std::to_string(nodes.size()) + " here", width);
  add(line, std::to_string(count(nodes, State::done)) + " done", width);
  if (const auto failed = count(nodes, State::failed)) add(line, std::to_string(failed) + " failed", width);
  if (const auto dropped = count(nodes, State::put_out)) add(line, std::to_string(dropped) + " dropped", width);
  add(line, std::to_string(wanted) + " wanted", width);
}

// While no session runs.
std::string idle_text(const std::vector<NodeStatus>& nodes, unsigned wanted) {
  if (count(nodes, State::done) >= wanted) return "All nodes are done";
  if (count(nodes, State::running) + count(nodes, State::finishing) > 0) return "The nodes are at work";
  return "Waiting for nodes";
}

std::string progress_text(const SessionView& session, const std::vector<NodeStatus>& nodes, std::size_t width) {
  const std::uint64_t bytes = written_on_average(session, nodes);
  // What comes late in the line is what a narrow terminal does without.
  std::string line = session.name + ": ";
  add(line, percent_text(bytes, session.expected), width);
  std::string size = format_size(bytes);
  if (session.expected > 0) size += " of about " + format_size(std::max(bytes, session.expected));
  add(line, size, width);
  add(line, rate_text(session.rate), width);
  add(line, left_text(bytes, session.expected, session.rate), width);
  if (session.round > 1) add(line, "round " + std::to_string(session.round), width);
  return line;
}

// "[=========>          ]", of what the nodes have written.
std::string bar_text(const SessionView& session, const std::vector<NodeStatus>& nodes, std::size_t width) {
  const std::size_t inside = std::min(width, widest_bar + 2) - 2;
  const double share = static_cast<double>(written_on_average(session, nodes)) / static_cast<double>(session.expected);
  const auto full = static_cast<std::size_t>(std::clamp(share, 0.0, 1.0) * static_cast<double>(inside));
  std::string bar = std::string(full, '=') + (full < inside ? ">" : "");
  return "[" + padded(std::move(bar), inside) + "]";
}

std::string limit_text(const Progress& progress) {
  return progress.held_up_by.empty() ? "" : "waiting for " + escape_bytes(progress.held_up_by);
}

std::string packed_text(const Progress& progress) {
  return progress.packed_out > 0 ? "packed to " + percent_text(progress.packed_out, progress.packed_in) : "";
}

// What of it fits.
std::string node_line(const NodeStatus& node, const SessionView& session, std::size_t name_width, std::size_t width) {
  std::string text = padded(cut(name_of(node), name_width), name_width) + "  " + padded(state_name(node.state), 9);
  auto add_column = [&](const std::string& content, std::size_t column) {
    if (text.size() + 2 + content.size() <= width) text += "  " + padded(content, column);
  };
  if (node.state == State::failed || node.state == State::put_out) return text + "  " + escape_bytes(node.reason);
  const bool streams = !session.name.empty() && node.state == State::running && node.stage == session.name;
  if (!streams || width >= wide_enough_for_the_stage) add_column(escape_bytes(node.stage), 12);
  if (streams) {
    add_column(session.expected > 0 ? percent_text(node.sunk, session.expected) : format_size(node.sunk), 4);
    add_column(rate_text(node.rate), 12);
    add_column(left_text(node.sunk, session.expected, node.rate), 0);
  }
  return without_blanks_at_its_end(std::move(text));
}

Tone tone_of(const NodeStatus& node, const SessionView& session) {
  switch (node.state) {
    case State::failed: return Tone::bad;
    case State::put_out: return Tone::warning;
    case State::done: return Tone::good;
    default: return session.progress.held_up_node == node.number ? Tone::warning : Tone::plain;
  }
}

// "10.0.1.9" before "10.0.1.10".
auto address_order(const NodeStatus& node) {
  boost::system::error_code none;
  return std::tuple(asio::ip::make_address_v4(node.address, none).to_uint(), node.number);
}

std::vector<const NodeStatus*> pointers_to(const std::vector<NodeStatus>& nodes) {
  std::vector<const NodeStatus*> order;
  for (const NodeStatus& node : nodes) order.push_back(&node);
  return order;
}

std::vector<const NodeStatus*> by_urgency(const std::vector<NodeStatus>& nodes) {
  std::vector<const NodeStatus*> order = pointers_to(nodes);
  auto place = [](const NodeStatus* node) {
    return std::tuple(urgency(node->state), node->order == 0, node->order, address_order(*node));
  };
  std::sort(order.begin(), order.end(), [&](const NodeStatus* a, const NodeStatus* b) { return place(a) < place(b); });
  return order;
}

// "... and 94 more: 12 running, 82 done".
std::string rest_text(const std::vector<const NodeStatus*>& rest, std::size_t width) {
  std::string text = "... and " + std::to_string(rest.size()) + " more: ";
  for (std::size_t i = 0; i < rest.size();) {  // by urgency, so those of one state stand together
    const State state = rest[i]->state;
    const std::size_t first = i;
    while (i < rest.size() && rest[i]->state == state) ++i;
    add(text, std::to_string(i - first) + " " + state_name(state), width);
  }
  return text;
}

std::size_t name_width(const std::vector<NodeStatus>& nodes, std::size_t most) {
  std::size_t width = 0;
  for (const NodeStatus& node : nodes) width = std::max(width, name_of(node).size());
  return std::min(width, most);
}

}  // namespace

std::uint64_t written_on_average(const SessionView& session, const std::vector<NodeStatus>& nodes) {
  std::uint64_t bytes = 0, members = 0;
  for (const NodeStatus& node : nodes) {
    // Of `ka-server send`, a node that has it all is done.
    const bool done = node.state == State::done && node.round == session.round;
    if (!done && !takes_part(node, session)) continue;
    bytes += done ? session.progress.bytes : node.sunk;
    ++members;
  }
  return members == 0 ? 0 : bytes / members;
}

std::vector<std::string> session_lines(const SessionView& session, const std::vector<NodeStatus>& nodes,
                                       unsigned wanted, std::size_t width) {
  if (session.name.empty()) {
    std::string idle = idle_text(nodes, wanted) + ": ";
    add_counts(idle, nodes, wanted, width);
    return {idle};
  }
  std::string second = "  ";
  add_counts(second, nodes, wanted, width);
  add(second, packed_text(session.progress), width);
  add(second, limit_text(session.progress), width);
  return {progress_text(session, nodes, width), second};
}

std::vector<TableLine> live_lines(const SessionView& session, const std::vector<NodeStatus>& nodes, unsigned wanted,
                                  unsigned width, unsigned height) {
  const std::size_t most = std::max(height, 2u) - 1;
  std::vector<TableLine> lines;
  for (std::string& text : session_lines(session, nodes, wanted, width))
    lines.push_back({std::move(text), Tone::plain});
  if (session.expected > 0 && height >= high_enough_for_a_bar && width > 2)
    lines.insert(lines.begin() + 1, {bar_text(session, nodes, width), Tone::flow});
  const std::size_t room = most > lines.size() ? most - lines.size() : 0;
  const std::vector<const NodeStatus*> order = by_urgency(nodes);
  const std::size_t rows = order.size() <= room ? order.size() : std::max<std::size_t>(room, 1) - 1;
  // An address is seen whole, whatever the width.
  constexpr std::size_t longest_address = 15;
  const std::size_t column =
      name_width(nodes, std::clamp<std::size_t>(std::size_t{width} * 2 / 5, longest_address, widest_name));
  for (std::size_t i = 0; i < rows; ++i)
    lines.push_back({node_line(*order[i], session, column, width), tone_of(*order[i], session)});
  const std::vector<const NodeStatus*> rest(order.begin() + static_cast<std::ptrdiff_t>(rows), order.end());
  if (!rest.empty()) lines.push_back({rest_text(rest, width), Tone::plain});
  lines.resize(std::min(lines.size(), most));
  for (TableLine& line : lines) line.text = cut(std::move(line.text), width);
  return lines;
}

std::vector<std::string> live_table(const SessionView& session, const std::vector<NodeStatus>& nodes, unsigned wanted,
                                    unsigned width, unsigned height) {
  std::vector<std::string> texts;
  for (TableLine& line : live_lines(session, nodes, wanted, width, height)) texts.push_back(std::move(line.text));
  return texts;
}

std::string result_table(const std::vector<NodeStatus>& nodes, unsigned wanted) {
  std::string text;
  std::size_t column = std::max<std::size_t>(name_width(nodes, widest_name), 4);
  if (!nodes.empty()) text = padded("node", column) + "  " + padded("result", 9) + "  reason\n";
  unsigned done = 0;
  std::vector<const NodeStatus*> order = pointers_to(nodes);
  std::sort(order.begin(), order.end(),
            [](const NodeStatus* a, const NodeStatus* b) { return address_order(*a) < address_order(*b); });
  for (const NodeStatus* row : order) {
    const NodeStatus& node = *row;
    bool ended = node.state == State::done || node.state == State::failed || node.state == State::put_out;
    std::string reason = !node.reason.empty() ? node.reason : ended ? "" : "ended while " + node.stage;
    text += without_blanks_at_its_end(padded(name_of(node), column) + "  " + padded(state_name(node.state), 9) + "  " +
                                      escape_bytes(reason)) +
            "\n";
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
    case State::put_out: return "dropped";
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
  const double seconds = std::max(elapsed.count(), 0.001);
  return format_size(bytes) + " in " + format_duration(seconds) + ", " +
         rate_text(static_cast<double>(bytes) / seconds);
}

}  // namespace ka::server
