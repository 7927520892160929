#pragma once
/// Several that hear of one job.

#include <vector>

#include "server/job/job.h"

namespace ka::server {

class Observers final : public JobObserver {
 public:
  /// It must outlive this.
  void add(JobObserver& observer) { all_.push_back(&observer); }

  void listens() override {
    for (JobObserver* one : all_) one->listens();
  }
  void event(const std::string& text) override {
    for (JobObserver* one : all_) one->event(text);
  }
  void node(const NodeStatus& status) override {
    for (JobObserver* one : all_) one->node(status);
  }
  void offered(const NodeStatus& status) override {
    for (JobObserver* one : all_) one->offered(status);
  }
  void healed(const NodeStatus& status, const NodeStatus* upstream) override {
    for (JobObserver* one : all_) one->healed(status, upstream);
  }
  void session_started(const Session& session, unsigned round, unsigned members) override {
    for (JobObserver* one : all_) one->session_started(session, round, members);
  }
  void session_progress(const Session& session, const Progress& progress) override {
    for (JobObserver* one : all_) one->session_progress(session, progress);
  }
  void session_ended(const Session& session, std::uint64_t bytes, std::chrono::duration<double> elapsed,
                     const std::vector<std::string>& warnings) override {
    for (JobObserver* one : all_) one->session_ended(session, bytes, elapsed, warnings);
  }
  void session_failed(const Session& session) override {
    for (JobObserver* one : all_) one->session_failed(session);
  }

 private:
  std::vector<JobObserver*> all_;
};

}  // namespace ka::server
