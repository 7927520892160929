#pragma once
/// What is known of a job at this moment, as a value: what a page, a program that asks, and a metrics collector are
/// told. Names and reasons are as the nodes said them, any bytes.

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "server/job/report.h"
#include "server/job/session_rate.h"
#include "server/job/status_table.h"

namespace ka::server {

/// What is known before anybody waits.
struct ViewPlan {
  std::string session;            ///< the job's name in logs
  unsigned wanted = 0;            ///< -n
  std::vector<std::string> text;  ///< the plan as it was printed, its lines
  std::vector<std::string> tree;  ///< the storage that a clone gets (wire/storage/tree_text.h); may be empty
  std::vector<std::string> sessions;
};

struct JobState {
  using Wall = std::chrono::system_clock;
  using Clock = std::chrono::steady_clock;

  struct Node {
    std::vector<wire::DiskOffer> disks;  ///< that it is about to write to, or has
    unsigned heals = 0;                  ///< how often it got its data from another node than before
    unsigned put_outs = 0;               ///< how often it was dropped from a round
    std::uint64_t told = 0, moved = 0;   ///< JobState::version when it last changed; when only its bytes did
  };
  struct Line {
    Wall::time_point at;
    std::uint64_t version = 0;
    std::string text;
  };
  struct Heal {
    std::size_t node = 0;
    std::optional<std::size_t> upstream;  ///< nobody: the server
    std::uint64_t version = 0;
  };

  ViewPlan plan;
  std::string id;  ///< of no other run; empty: of an older ka-server
  Wall::time_point began;
  Clock::time_point clock_began;
  std::uint64_t version = 0;        ///< grows with all that changes
  std::vector<NodeStatus> nodes;    ///< by NodeStatus::number
  std::vector<Node> more;           ///< of the same nodes
  SessionView running;              ///< its name is empty: none runs
  std::vector<SessionRecord> past;  ///< those that came to their end
  std::uint64_t past_version = 0;   ///< when that last changed
  unsigned rounds = 0, heals = 0, put_outs = 0, failures = 0, failed_sessions = 0;
  std::uint64_t bytes_sent = 0;       ///< by all sessions, each byte once, as the sources gave them
  std::deque<Line> log;               ///< the last ones
  std::deque<Heal> last_heals;        ///< the last ones
  std::vector<std::string> warnings;  ///< known at the end
  std::string error;                  ///< why the job did not come to an end of its own
  std::string result;                 ///< "done", "failed", "interrupted"; empty: it goes on
};

/// "waiting" for nodes, "sending" a session, "working" (the nodes, after one), or the result.
std::string phase_of(const JobState& state);

std::size_t count_of(const JobState& state, NodeStatus::State of);

/// Keeps a JobState.
class StateKeeper final : public JobObserver {
 public:
  StateKeeper();

  void plan(ViewPlan plan);
  /// All is over.
  void ended(const Report& report);

  void event(const std::string& text) override;
  void node(const NodeStatus& status) override;
  void offered(const NodeStatus& status) override;
  void healed(const NodeStatus& status, const NodeStatus* upstream) override;
  void session_started(const Session& session, unsigned round, unsigned members) override;
  void session_progress(const Session& session, const Progress& progress) override;
  void session_ended(const Session& session, std::uint64_t bytes, std::chrono::duration<double> elapsed,
                     const std::vector<std::string>& warnings) override;
  void session_failed(const Session& session) override;

  const JobState& state() const { return state_; }

 private:
  std::size_t row_of(const NodeStatus& status);

  JobState state_;
  SessionRate rate_;
};

}  // namespace ka::server
