#pragma once
/// The state of a job as text: what the terminal shows while it runs, and the table at its end.

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "server/job/job.h"

namespace ka::server {

/// The running session.
struct SessionView {
  std::string name;
  unsigned round = 0, members = 0;
  std::uint64_t expected = 0;  ///< bytes; 0: unknown
  Progress progress;
  double rate = 0;  ///< bytes a second that a node's sink takes, on the average, lately
};

/// What the nodes of the session have written, on the average: what the source gave and nobody has yet does not count.
std::uint64_t written_on_average(const SessionView& session, const std::vector<NodeStatus>& nodes);

/// The running session on one line, and on a second one how many nodes there are and what holds them up. What does not
/// fit into `width` is left out, the least important first.
std::vector<std::string> session_lines(const SessionView& session, const std::vector<NodeStatus>& nodes,
                                       unsigned wanted, std::size_t width);

/// What a line is of: how people may be shown it.
enum class Tone { plain, flow, good, warning, bad };

struct TableLine {
  std::string text;  ///< printable ASCII, whatever nodes call themselves
  Tone tone = Tone::plain;
};

/// Lines for a terminal so wide and high, of which the last row stays free: the session's, with a bar of it, then a row
/// for each node: those in trouble first, then in the order of the chain. If they are more than fit, the last line
/// counts the rest by state. No line is longer than `width`; a narrow one leaves out what matters least.
std::vector<TableLine> live_lines(const SessionView& session, const std::vector<NodeStatus>& nodes, unsigned wanted,
                                  unsigned width, unsigned height);
/// Their texts.
std::vector<std::string> live_table(const SessionView& session, const std::vector<NodeStatus>& nodes, unsigned wanted,
                                    unsigned width, unsigned height);

/// node, result, reason: one line each, by address, and a line that counts.
std::string result_table(const std::vector<NodeStatus>& nodes, unsigned wanted);

/// "done", "failed", …
const char* state_name(NodeStatus::State state);

/// "2:05", "1:02:03"; of less than a minute "7 s".
std::string format_duration(double seconds);

/// "627.0 MiB in 2:07, 4.9 MiB/s".
std::string totals_text(std::uint64_t bytes, std::chrono::duration<double> elapsed);

}  // namespace ka::server
