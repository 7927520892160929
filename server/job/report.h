#pragma once
/// --json FILE: the result of a clone for programs. The format is in docs/ka-server.8.

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "base/unique_fd.h"
#include "server/job/job.h"

namespace ka::server {

struct SessionRecord {
  std::string name;
  unsigned round = 0, members = 0;
  std::uint64_t bytes = 0;
  double seconds = 0;
};

struct Report {
  std::string session;  ///< CloneOptions::session
  unsigned wanted = 0;
  std::string level;  ///< "pinned" or "open"; empty: it did not come so far
  std::string key;    ///< the public one, in text; empty: level open
  JobResult result;
  std::vector<SessionRecord> sessions;
  std::map<std::size_t, Secret> passphrases;  ///< by NodeStatus::number: what was made for a node, and opens its clone
  std::string error;                          ///< why the job did not come to an end of its own; empty: it did
  double seconds = 0;                         ///< from the first check to the end
};

/// Are as many nodes done as were asked for?
bool succeeded(const Report& report);
/// "done", "interrupted", "failed".
std::string result_word(const Report& report);

std::string report_json(const Report& report);

/// A file that is written when all is over, but opened, or refused, before anything begins.
class ReportFile {
 public:
  /// An empty name: no report is wanted. A file that is there is left alone until write(). `secret`: only its owner may
  /// read it. Throws Error.
  explicit ReportFile(const std::string& name, bool secret = false);
  ~ReportFile();
  ReportFile(const ReportFile&) = delete;
  ReportFile& operator=(const ReportFile&) = delete;

  bool wanted() const { return fd_.valid(); }
  /// Replaces a regular file as a whole; writes into anything else (a FIFO, /dev/stdout). Once. Throws Error.
  void write(std::string_view text);
  /// What write() does at last, where the file is complete beside its place. Throws Error.
  void put_in_place() const;
  /// Does that instead, for a process that may not: put_in_place() in another one.
  void put_in_place_by(std::function<void()> other) { other_ = std::move(other); }

 private:
  std::string name_, temporary_;  ///< `temporary_` is empty for what is not a regular file
  UniqueFd fd_;
  std::function<void()> other_;
};

}  // namespace ka::server
