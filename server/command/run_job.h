#pragma once
/// A job with its display and its operator, for both commands that have one.

#include "base/asio.h"
#include "server/job/display.h"
#include "server/job/job.h"
#include "server/job/report.h"
#include "server/keeper/keeper.h"
#include "server/options/options.h"
#include "server/view/watch.h"

namespace ka::server {

/// What both commands have in common of a plan: the racks read, the interface looked up, the ports tried. Throws Error
/// before anybody waits; UsageError if the options contradict each other.
JobPlan job_plan(asio::io_context& io, const JobOptions& options);

/// --only's. Throws Error, also if it names nobody.
wire::Racks read_only(const std::string& file);

/// Who watches besides the display, as the options have it; `name` is the job's in what they are told. Throws Error.
std::unique_ptr<Watch> make_watch(asio::io_context& io, const JobOptions& options, const std::string& name,
                                  asio::ip::address_v4 listen);

/// Runs the job to its end, and until all who watch know of it. A first SIGINT, SIGTERM or SIGHUP ends the running
/// round in an orderly way; a second one stops `io`. `also` hears what the display hears; nullptr: nobody. `report`
/// gets the result. Once the ports are open this process gives its rights up (server/keeper/seclusion.h). Throws Error
/// if it cannot begin, or loses its keeper.
Awaitable<void> run_job(asio::io_context& io, JobPlan plan, Display& display, Watch& watch, Report& report,
                        const Keeper& keeper, JobObserver* also = nullptr);

/// Runs `io` until `command` has ended, or until a second signal stopped it, and writes `report`, with the time it took
/// and with the error, to `file`. Throws what `command` throws.
void run_reported(asio::io_context& io, Awaitable<void> command, Report& report, ReportFile& file);

/// 0: as many nodes as were asked for are done; 1: not all of them; 130: the operator ended it before that.
int exit_status(const Report& report);

}  // namespace ka::server
