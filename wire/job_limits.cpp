// What time brings: pings, silence, sinks that stand still. See wire/job_machine.h.

#include <algorithm>

#include "wire/job_machine.h"

namespace ka::wire {

using namespace std::chrono_literals;

namespace {

constexpr Time greeting_limit = 10s;  // from connecting to Introduction
constexpr Time ping_every = 250ms;
constexpr Time silent_in_stream = 1500ms;  // others wait for a member that says nothing; more where answers are slow
constexpr Time silent_elsewhere = 15s;     // nobody does
constexpr int answers_missing = 4;         // times the slowest answer lately
constexpr Time longest_between_ticks = 100ms;
constexpr Time worth_a_word = 1s;

}  // namespace

// A machine that is busy with its disk, or one that hosts many nodes, answers late without being dead.
void JobMachine::answered(const Pong& pong, Time now) {
  if (pong.token > static_cast<std::uint64_t>(now.count())) return;  // not one of this server's
  const Time asked(static_cast<Time::rep>(pong.token));
  if (asked < resumed_ || now - asked > silent_elsewhere) return;
  slowest_answer_ = std::max(now - asked, slowest_answer_ - slowest_answer_ / 256);
}

// This server was stopped, or its machine was, or something kept it: what nodes said in that time is unread still.
void JobMachine::forgive(Time missed, Time now) {
  resumed_ = now;
  for (auto& [id, node] : nodes_) {
    for (Time* since : {&node.heard, &node.sink_moved, &node.last_position}) *since = std::min(now, *since + missed);
  }
  if (chain_) chain_->forgive(missed);
  if (missed < worth_a_word) return;
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(missed).count();
  output_.event("This server did not run for " + std::to_string(ms) +
                " ms; the nodes' silence in that time is forgiven");
}

void JobMachine::check_silence(Time now) {
  const Time in_stream = std::clamp(answers_missing * slowest_answer_, silent_in_stream, silent_elsewhere);
  std::vector<std::pair<NodeId, Time>> silent;
  for (const auto& [id, node] : nodes_) {
    Time limit = node.phase == Phase::greeting ? greeting_limit : streams(id) ? in_stream : silent_elsewhere;
    if (now - node.heard > limit) silent.emplace_back(id, now - node.heard);
  }
  for (const auto& [id, since] : silent) {
    Node& node = nodes_.at(id);
    std::string reason = "it said nothing for " +
                         std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(since).count()) + " ms";
    if (node.phase == Phase::greeting) {
      refuse(id, reason);
    } else if (streams(id)) {
      if (node.phase == Phase::streaming) node.heard = now;
      put_out(id, reason);
    } else {
      if (node.phase != Phase::done && node.phase != Phase::out)
        leave(id, node, NodeRow::State::failed, with_disks(node, reason), now);
      if (chain_) chain_->remove(id, now);
      output_.close(id);
      nodes_.erase(id);
    }
  }
}

// Whoever waits for it would do so for ever. It is told; its program or its disk may still be mended there.
void JobMachine::check_sinks(Time now) {
  if (!chain_ || rules_.sink_limit == Time{0}) return;
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(rules_.sink_limit).count();
  const std::string limit = std::to_string(seconds) + " s";
  for (auto& [id, node] : nodes_) {
    if (node.phase != Phase::streaming || now - node.sink_moved < rules_.sink_limit) continue;
    const bool at_end = chain_->end_mark() && node.sunk == chain_->end_mark()->offset;
    const std::string reason = at_end ? "its sink has not ended within " + limit : "its sink took nothing for " + limit;
    output_.send(id, StreamFailed{chain_->stream(), reason});
    leave(id, node, NodeRow::State::failed, reason, now);
  }
}

// Time.

void JobMachine::tick(Time now) {
  now_ = now;
  if (finished_) return;
  const Time missed = now - last_tick_.value_or(now) - longest_between_ticks;
  last_tick_ = now;
  if (missed > Time{0}) forgive(missed, now);
  if (now - last_ping_ >= ping_every) {
    last_ping_ = now;
    for (const auto& [id, node] : nodes_) {
      if (node.phase != Phase::greeting) output_.send(id, Ping{static_cast<std::uint64_t>(now.count())});
    }
  }
  check_silence(now);
  check_sinks(now);
  if (chain_) chain_->tick(now);
  advance(now);
}

}  // namespace ka::wire
