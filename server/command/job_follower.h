#pragma once
/// The documents of a job that runs elsewhere (docs/events.md), one after the other, and what machines are told by
/// them. No I/O of its own.

#include <string>

#include "server/boot/next_boot.h"
#include "server/view/job_state.h"

namespace ka::server {

class JobFollower {
 public:
  /// `boot` is told to serve only while a job is known to run; both must outlive this.
  JobFollower(NextBoot& boot, const NextBoot::Say& say) : boot_(boot), say_(say) { boot_.serve(false); }

  /// The job as it is now.
  void heard(const JobState& job);
  /// Nothing is known of it any more, or of the next one not yet. Said once, until it is another reason.
  void lost(const std::string& why);

  bool ended() const { return ended_; }
  /// "done", "failed" or "interrupted", of the job that ended last.
  const std::string& result() const { return result_; }
  /// One line: what it does.
  const std::string& status() const { return status_; }

 private:
  NextBoot& boot_;
  const NextBoot::Say& say_;
  std::string job_;     // JobState::id; empty: there was none yet
  std::string result_;  // of the job before
  std::string status_ = "looking for the job", lost_;
  bool ended_ = false, here_ = false;
};

}  // namespace ka::server
