#pragma once
/// Shows a running job: on a terminal a table that is redrawn in place below the log, with colours unless NO_COLOR is
/// set (no-color.org); elsewhere, and where TERM is "dumb", plain lines. With journal(), each line that would be
/// written elsewhere is an entry of systemd's journal, too; lines that would come there anyway are written natively
/// instead.

#include <chrono>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/asio.h"
#include "base/journal.h"
#include "base/output.h"
#include "server/job/job.h"
#include "server/job/report.h"
#include "server/job/session_rate.h"
#include "server/job/status_table.h"

namespace ka::server {

/// "17:04:12 ", before each line of a log.
std::string time_of_day();

class Display final : public JobObserver {
 public:
  /// Writes to `out`; when `quiet`, only what went wrong. Must be destroyed before `io`; `out` is not
  /// touched by that.
  Display(asio::io_context& io, Output& out, unsigned wanted, bool quiet = false);
  ~Display() override;

  void event(const std::string& text) override;
  void node(const NodeStatus& status) override;
  void session_started(const Session& session, unsigned round, unsigned members) override;
  void session_progress(const Session& session, const Progress& progress) override;
  void session_ended(const Session& session, std::uint64_t bytes, std::chrono::duration<double> elapsed,
                     const std::vector<std::string>& warnings) override;
  void session_failed(const Session& session) override;

  /// What nodes are in while they only receive: a stage that is no news of theirs.
  void knows(const std::vector<Session>& sessions) {
    for (const Session& session : sessions) named_.insert(session.name);
  }
  /// From now on the journal is told, of the job of that name: KA_SESSION; KA_NODE (address, and host name) and
  /// KA_STAGE where a line is of a node. docs/events.md is the contract.
  void journal(std::string job, const std::string& socket = Journal::usual_socket);
  /// A line of the log, with the time of day before it.
  void line(const std::string& text);
  /// The same for those alone who see this output: the journal has more readers.
  void line_here(const std::string& text);
  /// The table goes: what is printed next stands below the log.
  void close();

  const std::vector<SessionRecord>& sessions() const { return records_; }

 private:
  using Clock = std::chrono::steady_clock;

  Awaitable<void> redraw_loop();
  Awaitable<void> watch_size();
  void end();
  void look_at_size();
  void measure_rate();
  void draw();
  std::vector<TableLine> lines() const;
  std::string table();
  std::string erasure();
  std::string log_again() const;
  void progress_line();
  bool tell_journal(const std::string& text, const std::optional<NodeStatus>& node);
  std::optional<NodeStatus> node_of(const std::string& text) const;
  std::vector<NodeStatus> nodes() const;

  Output& out_;
  unsigned wanted_;
  bool quiet_, terminal_;
  bool closed_ = false, changed_ = true;
  Output::Size size_;
  std::size_t drawn_ = 0;         // lines of the table on the screen
  std::size_t widest_drawn_ = 0;  // of them
  bool scrambled_ = false;        // the terminal has wrapped or moved them
  std::deque<std::string> log_;   // the last lines of it, to fill a screen with
  SessionView session_;
  std::map<std::size_t, NodeStatus> nodes_;  // as they came
  std::vector<SessionRecord> records_;
  std::set<std::string> named_;
  Clock::time_point last_progress_;
  SessionRate rate_;
  std::optional<Journal> journal_;
  std::string job_;
  asio::steady_timer timer_;
  asio::signal_set resized_;
};

}  // namespace ka::server
