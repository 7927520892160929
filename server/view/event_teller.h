#pragma once
/// What happens in a job, as events for programs: one JSON object each, with a name. docs/events.md is the contract;
/// what is there stays as it is, and more may come.

#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "server/job/report.h"

namespace ka::server {

/// An event, ready to be handed on.
struct Event {
  std::string name;       ///< "node", "session_started", …
  std::string line;       ///< the object, without an end of line
  bool frequent = false;  ///< one of those that come all the time: a line of the log, progress, another stage
};

class EventTeller final : public JobObserver {
 public:
  using Hear = std::function<void(const Event&)>;

  /// `session`: the job's name, in each event.
  EventTeller(std::string session, unsigned wanted, Hear hear);

  void began();
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

 private:
  void tell(const char* name, nlohmann::json fields, bool frequent = false);

  std::string session_;
  unsigned wanted_, round_ = 0;
  Hear hear_;
  std::map<std::size_t, std::pair<NodeStatus::State, std::string>> known_;  // state and stage by NodeStatus::number
  std::chrono::steady_clock::time_point progress_told_;
};

}  // namespace ka::server
