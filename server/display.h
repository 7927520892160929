#pragma once
/// Shows a running job: on a terminal a table that is redrawn in place below the log, elsewhere plain lines.

#include <chrono>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "base/asio.h"
#include "server/job.h"
#include "server/report.h"
#include "server/status_table.h"

namespace ka::server {

class Display final : public JobObserver {
 public:
  /// Writes to `out`; when `quiet`, only what went wrong. Must be destroyed before `io`.
  Display(asio::io_context& io, std::FILE* out, unsigned wanted, bool quiet = false);
  ~Display() override;

  void event(const std::string& text) override;
  void node(const NodeStatus& status) override;
  void session_started(const Session& session, unsigned round, unsigned members) override;
  void session_progress(const Session& session, const Progress& progress) override;
  void session_ended(const Session& session, std::uint64_t bytes, std::chrono::duration<double> elapsed,
                     const std::vector<std::string>& warnings) override;
  void session_failed(const Session& session) override;

  /// A line of the log.
  void line(const std::string& text);
  /// No more table from now on: what is printed next stands below the log.
  void close();

  const std::vector<SessionRecord>& sessions() const { return records_; }

 private:
  using Clock = std::chrono::steady_clock;

  Awaitable<void> redraw_loop();
  Awaitable<void> watch_size();
  void read_size();
  void measure_rate();
  void draw();
  void erase();
  void progress_line();
  void write(const std::string& text);
  std::vector<NodeStatus> nodes() const;

  std::FILE* out_;
  unsigned wanted_;
  bool quiet_, terminal_;
  bool closed_ = false, changed_ = true;
  unsigned width_ = 80, height_ = 24;
  std::size_t drawn_ = 0;  // lines of the table on the screen
  SessionView session_;
  std::map<std::size_t, NodeStatus> nodes_;  // as they came
  std::vector<SessionRecord> records_;
  Clock::time_point last_progress_, measured_at_;
  std::uint64_t measured_bytes_ = 0;
  asio::steady_timer timer_;
  asio::signal_set resized_;
};

}  // namespace ka::server
