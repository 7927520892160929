#pragma once
/// --json FILE: the result of a clone for programs. The format is in docs/ka-server.8.

#include <chrono>
#include <string>
#include <vector>

#include "server/job.h"

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
  JobResult result;
  std::vector<SessionRecord> sessions;
  std::string error;   ///< why the job did not come to an end of its own; empty: it did
  double seconds = 0;  ///< from the first check to the end
};

/// Are as many nodes done as were asked for?
bool succeeded(const Report& report);

std::string report_json(const Report& report);

}  // namespace ka::server
