#pragma once
/// The keeper of a job (server/keeper/keeper.h), for all commands that have one: what it does is written down here.

#include <memory>

#include "server/boot/next_boot.h"
#include "server/job/report.h"
#include "server/keeper/keeper.h"
#include "server/options/options.h"
#include "server/view/watch.h"

namespace ka::server {

/// The logs' part: where they are kept, and how they are handed on. `why_not`: as LogKeeping has it.
void keep_logs(
    KeeperWork& work, const std::string& session, const std::string& store_log,
    std::function<std::string()> why_not = [] { return std::string(); });

/// Forks the keeper with this work, and with what all jobs have: the report's `file` and --on-event, which are told to
/// ask it from now on. So is `boot`, if it is not nullptr. Throws Error.
std::shared_ptr<Keeper> make_keeper(asio::io_context& io, const JobOptions& options, KeeperWork work, ReportFile& file,
                                    Watch& watch, NextBoot* boot = nullptr);

}  // namespace ka::server
