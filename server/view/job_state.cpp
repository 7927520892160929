#include "server/view/job_state.h"

#include <algorithm>

#include "base/random.h"

namespace ka::server {

namespace {

using State = NodeStatus::State;

// A page that was opened late sees so much of what was; a job that goes on for days keeps no more.
constexpr std::size_t log_kept = 500, heals_kept = 200;

template <typename List, typename Item>
void keep(List& list, Item item, std::size_t most) {
  list.push_back(std::move(item));
  if (list.size() > most) list.pop_front();
}

// All that makes a row another one than it was, but bytes and rates.
bool same_but_bytes(const NodeStatus& a, const NodeStatus& b) {
  return a.state == b.state && a.order == b.order && a.round == b.round && a.stage == b.stage && a.reason == b.reason &&
         a.address == b.address && a.host_name == b.host_name && a.hardware_address == b.hardware_address;
}

}  // namespace

std::size_t count_of(const JobState& state, State of) {
  auto has_it = [of](const NodeStatus& node) { return node.state == of; };
  return static_cast<std::size_t>(std::count_if(state.nodes.begin(), state.nodes.end(), has_it));
}

std::string phase_of(const JobState& state) {
  if (!state.result.empty()) return state.result;
  if (!state.running.name.empty()) return "sending";
  return count_of(state, State::running) + count_of(state, State::finishing) > 0 ? "working" : "waiting";
}

StateKeeper::StateKeeper() {
  state_.id = random_token();
  state_.began = JobState::Wall::now();
  state_.clock_began = JobState::Clock::now();
}

void StateKeeper::plan(ViewPlan plan) {
  state_.plan = std::move(plan);
  ++state_.version;
}

void StateKeeper::ended(const Report& report) {
  ++state_.version;
  state_.running = SessionView();
  state_.warnings = report.result.warnings;
  state_.error = report.error;
  for (const NodeStatus& status : report.result.nodes) {
    const std::size_t row = row_of(status);
    state_.nodes[row] = status;
    if (!status.disks.empty()) state_.more[row].disks = status.disks;
    state_.more[row].told = state_.version;
  }
  state_.result = result_word(report);
}

std::size_t StateKeeper::row_of(const NodeStatus& status) {
  if (status.number >= state_.nodes.size()) {
    state_.nodes.resize(status.number + 1);
    state_.more.resize(status.number + 1);
    state_.nodes[status.number] = status;
    state_.more[status.number].told = ++state_.version;
  }
  return status.number;
}

void StateKeeper::event(const std::string& text) {
  keep(state_.log, JobState::Line{JobState::Wall::now(), ++state_.version, text}, log_kept);
}

void StateKeeper::node(const NodeStatus& status) {
  const std::size_t row = row_of(status);
  NodeStatus& known = state_.nodes[row];
  JobState::Node& more = state_.more[row];
  const bool same = same_but_bytes(known, status);
  (same ? more.moved : more.told) = ++state_.version;
  if (same) {
    known.received = status.received, known.sunk = status.sunk, known.rate = status.rate;
    return;
  }
  if (known.state != status.state) {
    state_.failures += status.state == State::failed;
    state_.put_outs += status.state == State::put_out;
    more.put_outs += status.state == State::put_out;
  }
  known = status;
}

void StateKeeper::offered(const NodeStatus& status) {
  JobState::Node& more = state_.more[row_of(status)];
  more.disks = status.disks;
  more.told = ++state_.version;
}

void StateKeeper::healed(const NodeStatus& status, const NodeStatus* upstream) {
  JobState::Node& more = state_.more[row_of(status)];
  ++more.heals;
  ++state_.heals;
  more.told = ++state_.version;
  JobState::Heal heal{status.number, std::nullopt, state_.version};
  if (upstream != nullptr) heal.upstream = upstream->number;
  keep(state_.last_heals, heal, heals_kept);
}

void StateKeeper::session_started(const Session& session, unsigned round, unsigned members) {
  ++state_.version;
  state_.running = SessionView();
  state_.running.name = session.name;
  state_.running.round = round;
  state_.running.members = members;
  state_.running.expected = session.expected;
  state_.rounds = std::max(state_.rounds, round);
  rate_.restart(SessionRate::Clock::now());
}

void StateKeeper::session_progress(const Session&, const Progress& progress) {
  ++state_.version;
  if (progress.bytes > state_.running.progress.bytes)
    state_.bytes_sent += progress.bytes - state_.running.progress.bytes;
  state_.running.progress = progress;
  const auto now = SessionRate::Clock::now();
  if (rate_.is_due(now)) state_.running.rate = rate_.measure(written_on_average(state_.running, state_.nodes), now);
}

void StateKeeper::session_ended(const Session& session, std::uint64_t bytes, std::chrono::duration<double> elapsed,
                                const std::vector<std::string>& warnings) {
  if (bytes > state_.running.progress.bytes) state_.bytes_sent += bytes - state_.running.progress.bytes;
  state_.past.push_back({session.name, state_.running.round, state_.running.members, bytes, elapsed.count()});
  state_.running = SessionView();
  event(session.name + " is through: " + totals_text(bytes, elapsed));
  for (const std::string& warning : warnings) event("! " + warning);
  state_.past_version = ++state_.version;
}

void StateKeeper::session_failed(const Session&) {
  ++state_.version;
  ++state_.failed_sessions;
  state_.running = SessionView();
}

}  // namespace ka::server
