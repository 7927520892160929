#pragma once
/// From a machine that was checked to a job that ran.

#include <memory>

#include "base/output.h"
#include "server/boot/boot_side.h"
#include "server/command/confirm.h"
#include "server/command/stage2.h"
#include "server/golden/golden_tree.h"
#include "server/job/job.h"
#include "server/job/report.h"
#include "server/plan/plan.h"
#include "server/view/watch.h"

namespace ka::server {

/// All that a clone needs from this side.
struct Prepared {
  PlanInput input;
  Plan plan;
  std::unique_ptr<GoldenTree> tree;
  Stage2 stage2;
  JobPlan job;                       ///< all but its sessions
  std::unique_ptr<Confirm> confirm;  ///< nullptr: nobody is asked
  std::unique_ptr<BootSide> boot;    ///< nullptr: machines boot by other servers
  std::unique_ptr<Watch> watch;
};

/// Serves the sessions of a clone until as many nodes are done as were asked for, or until the operator ends it; shows
/// what happens on `output`. A second signal stops `io`. `report` gets the result, and the sessions also when this
/// throws Error.
Awaitable<void> serve(asio::io_context& io, const CloneOptions& options, const Prepared& ready, Output& output,
                      Report& report);

}  // namespace ka::server
