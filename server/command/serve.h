#pragma once
/// From a machine that was checked to a job that ran.

#include <memory>

#include "base/output.h"
#include "server/boot/next_boot.h"
#include "server/command/confirm.h"
#include "server/command/stage2.h"
#include "server/golden/golden_tree.h"
#include "server/job/job.h"
#include "server/job/report.h"
#include "server/keeper/keeper.h"
#include "server/options/level.h"
#include "server/plan/plan.h"
#include "server/view/watch.h"

namespace ka::server {

/// All that a clone needs from this side.
struct Prepared {
  PlanInput input;
  Plan plan;
  std::unique_ptr<GoldenTree> tree;
  Stage2 stage2;
  Level level;
  JobPlan job;                       ///< all but its sessions
  std::unique_ptr<Confirm> confirm;  ///< nullptr: nobody is asked
  std::unique_ptr<NextBoot> boot;    ///< nullptr: machines boot by other servers
  std::unique_ptr<Watch> watch;
};

/// What tar said in all rounds, and the file that it goes to at the end.
struct Said {
  std::string file, text;
};

/// What a clone's nodes get, in their order.
std::vector<Session> clone_sessions(asio::io_context& io, const CloneOptions& options, const Prepared& ready,
                                    std::shared_ptr<Said> said);

/// What the yes to write brings a node with it: files of --luks-key, or one made for it, which `report` gets. A node
/// that comes again after it failed gets the same.
std::vector<wire::DevicePassphrase> passphrases_for(wire::Passphrases way, const LuksKeys& keys, const NodeStatus& node,
                                                    Report& report);

/// Who has a part in a job beside its nodes.
struct JobSides {
  Confirm* confirm = nullptr;  ///< nullptr: nobody is asked
  NextBoot* boot = nullptr;    ///< nullptr: machines boot by other servers
  Watch& watch;
  Keeper& keeper;
  std::string session, store_log;  ///< of the logs
};

/// Runs the job of a clone as serve() does.
Awaitable<void> serve_job(asio::io_context& io, JobPlan plan, JobSides sides, Output& output, Report& report);

/// Serves the sessions of a clone until as many nodes are done as were asked for, or until the operator ends it; shows
/// what happens on `output`. A second signal stops `io`. `report` gets the result, and the sessions also when this
/// throws Error; `file` is put into its place by this job's keeper.
Awaitable<void> serve(asio::io_context& io, const CloneOptions& options, const Prepared& ready, Output& output,
                      Report& report, ReportFile& file);

}  // namespace ka::server
