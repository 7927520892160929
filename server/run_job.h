#pragma once
/// A job with its display and its operator, for both commands that have one.

#include "base/asio.h"
#include "server/display.h"
#include "server/job.h"

namespace ka::server {

/// The file of --racks; without a name, none. Throws Error naming file and line.
wire::Racks read_racks(const std::string& file);

/// The file of --only; without a name, nothing, and whoever comes may take part. Throws Error naming file and line,
/// also if it names no machine.
std::optional<wire::Racks> read_only(const std::string& file);

/// Runs the job to its end. A first SIGINT, SIGTERM or SIGHUP ends the running round in order; a second one stops `io`.
/// Throws Error if it cannot begin.
Awaitable<JobResult> run_job(asio::io_context& io, JobPlan plan, Display& display);

}  // namespace ka::server
