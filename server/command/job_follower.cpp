#include "server/command/job_follower.h"

#include <algorithm>
#include <map>

#include "server/job/status_table.h"
#include "wire/ports.h"

namespace ka::server {

namespace {

// `ka-server send` serves no machine that boots.
bool is_clone(const JobState& job) {
  const std::vector<std::string>& sessions = job.plan.sessions;
  return std::find(sessions.begin(), sessions.end(), wire::manifest_session) != sessions.end();
}

// A machine that two connections claim to be has two rows: the later one counts.
std::map<std::string, const NodeStatus*> by_card(const JobState& job) {
  std::map<std::string, const NodeStatus*> nodes;
  for (const NodeStatus& node : job.nodes) {
    const NodeStatus*& known = nodes[node.hardware_address];
    if (known == nullptr || known->state != NodeStatus::State::done) known = &node;
  }
  return nodes;
}

std::string counts(const JobState& job) {
  return std::to_string(count_of(job, NodeStatus::State::done)) + " of " + std::to_string(job.plan.wanted) + " done, " +
         std::to_string(count_of(job, NodeStatus::State::failed)) + " failed";
}

}  // namespace

void JobFollower::heard(const JobState& job) {
  if (!is_clone(job)) {
    lost("The job there sends " + job.plan.session + ", and clones no machine");
    return;
  }
  const bool is_new = job.id != job_;
  if (is_new && !job_.empty()) {
    boot_.serve(false);
    boot_.next_job(ended_);
  }
  if (is_new) ended_ = false;
  job_ = job.id;
  for (const auto& [card, node] : by_card(job)) boot_.node(*node);
  status_ = job.plan.session + ": " + counts(job);
  lost_.clear();
  if (!job.result.empty()) {
    if (!ended_) say_("The job has ended: " + job.result + ", " + counts(job));
    boot_.serve(false);
    ended_ = true;
    here_ = false;
    result_ = job.result;
    return;
  }
  if (is_new || !here_) say_("The job " + job.plan.session + " is there, " + counts(job) + ": it is followed");
  here_ = true;
  boot_.serve(true);
}

void JobFollower::lost(const std::string& why) {
  boot_.serve(false);
  here_ = false;
  if (why == lost_) return;
  lost_ = why;
  status_ = why;
  say_(why + ". Until a job is there, every machine is left to its own disk");
}

}  // namespace ka::server
