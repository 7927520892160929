#pragma once
/// The state of a job as text: what the terminal shows while it runs, and the table at its end.

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "server/job.h"

namespace ka::server {

/// The running session.
struct SessionView {
  std::string name;
  unsigned round = 0, members = 0;
  std::uint64_t expected = 0;  ///< bytes; 0: unknown
  Progress progress;
  double rate = 0;  ///< bytes a second, lately
};

/// The running session on one line, and on a second one, if there is something to say, what holds it up.
std::vector<std::string> session_lines(const SessionView& session, const std::vector<NodeStatus>& nodes,
                                       unsigned wanted);

/// Lines for a terminal so wide and high: the session's, then a row for each node. If they are more than fit, failed
/// and running nodes come first, and the last line counts the rest. No line is longer than `width`.
std::vector<std::string> live_table(const SessionView& session, const std::vector<NodeStatus>& nodes, unsigned wanted,
                                    unsigned width, unsigned height);

/// node, result, reason: one line each, and a line that counts.
std::string result_table(const std::vector<NodeStatus>& nodes, unsigned wanted);

/// "done", "failed", …
const char* state_name(NodeStatus::State state);

/// "2:05", "1:02:03"; of less than a minute "7 s".
std::string format_duration(double seconds);

/// The seed's totals: "Total data sent = 627 Megs" and "Transfer time = 127.140 seconds, throughput = 4.937
/// Mbytes/second".
std::string totals_text(std::uint64_t bytes, std::chrono::duration<double> elapsed);

}  // namespace ka::server
