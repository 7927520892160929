// Before the first write: who asks, who answers. See wire/job_machine.h.

#include <algorithm>

#include "wire/job_machine.h"

namespace ka::wire {

using namespace std::chrono_literals;

namespace {

// The operator is asked about all members of the round at once, unless some are so much later than the others.
constexpr Time patience_for_others = 10s;

std::string nodes_text(std::size_t count) { return std::to_string(count) + (count == 1 ? " node" : " nodes"); }

}  // namespace

void JobMachine::asks_to_write(NodeId id, Node& node, const Ready& ready) {
  if (node.phase == Phase::out) return;  // it was told why, and asks nobody any more
  const bool before_a_write = (node.phase == Phase::between || node.phase == Phase::ready) &&
                              node.session < rules_.sessions.size() && rules_.sessions[node.session].writes;
  if (!before_a_write) {
    refuse(id, "it asks whether it may write when nothing is to be written");
    return;
  }
  node.question = ready.question;
  node.shown = false;
  node.may_write = false;
  row(node).disks = ready.disks;
  last_ready_ = now_;
  set(node, Phase::ready, NodeRow::State::running, "ready to write");
  output_.offered(row(node));
  if (!rules_.confirm) permit(id, node);
}

void JobMachine::permit(NodeId id, Node& node) {
  MayWrite yes{*node.question, output_.passphrases(row(node))};
  output_.send(id, yes);
  node.question.reset();
  node.may_write = true;
  row(node).touched = true;
  set(node, Phase::between, NodeRow::State::running, "may write");
  for (const DiskOffer& disk : row(node).disks)
    output_.event(name(node) + (disk.is_missing() ? " has " : " writes to ") + text_of(disk));
  const auto writers = static_cast<std::size_t>(std::count_if(
      nodes_.begin(), nodes_.end(), [](const auto& n) { return n.second.may_write && is_member(n.second); }));
  output_.event(nodes_text(writers) + " of this round may write to their disks now");
}

// All that wait for the yes, once no other member is on its way to the question.
void JobMachine::ask_operator() {
  if (!rules_.confirm || asking_operator_) return;
  bool others = false;
  std::vector<WriteRequest> requests;
  for (const auto& [id, node] : nodes_) {
    if (node.phase == Phase::ready) requests.push_back({name(node), row(node).disks});
    others = others || (is_member(node) && node.phase != Phase::ready && !node.may_write);
  }
  if (requests.empty() || (others && now_ - last_ready_ < patience_for_others)) return;
  for (auto& [id, node] : nodes_) node.shown = node.phase == Phase::ready;
  asking_operator_ = true;
  output_.ask_operator(requests);
}

// Only those that were shown; who asked since then, or asked anew, is shown next.
void JobMachine::confirmed(bool yes, Time now) {
  now_ = now;
  if (finished_ || !asking_operator_) return;
  asking_operator_ = false;
  if (!yes) {
    stop(now);
    return;
  }
  for (auto& [id, node] : nodes_) {
    if (node.phase == Phase::ready && node.shown) permit(id, node);
  }
  advance(now);
}

// So that the table says it of everyone who failed before its yes. A node's own reasons say it themselves.
std::string JobMachine::with_disks(const Node& node, const std::string& reason) const {
  const bool untouched = rules_.clone && node.row && !rows_[*node.row].touched;
  return untouched ? reason + "; nothing was written to its disks" : reason;
}

}  // namespace ka::wire
