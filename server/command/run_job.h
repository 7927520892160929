#pragma once
/// A job with its display and its operator, for both commands that have one.

#include "base/asio.h"
#include "server/job/display.h"
#include "server/job/job.h"
#include "server/job/report.h"
#include "server/options/options.h"

namespace ka::server {

/// What both commands have in common of a plan: the racks read, the interface looked up, the ports tried. Throws Error
/// before anybody waits; UsageError if the options contradict each other.
JobPlan job_plan(asio::io_context& io, const JobOptions& options);

/// Runs the job to its end. A first SIGINT, SIGTERM or SIGHUP ends the running round in an orderly way; a second one
/// stops `io`. `also` hears what the display hears; nullptr: nobody. Throws Error if it cannot begin.
Awaitable<JobResult> run_job(asio::io_context& io, JobPlan plan, Display& display, JobObserver* also = nullptr);

/// Runs `io` until `command` has ended, or until a second signal stopped it, and writes `report`, with the time it took
/// and with the error, to `file`. Throws what `command` throws.
void run_reported(asio::io_context& io, Awaitable<void> command, Report& report, ReportFile& file);

/// 0: as many nodes as were asked for are done; 1: not all of them; 130: the operator ended it before that.
int exit_status(const Report& report);

}  // namespace ka::server
