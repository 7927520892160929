#pragma once
/// `ka-server` itself: clones this machine onto the nodes that ask for it.

#include "base/asio.h"
#include "server/command/serve.h"
#include "server/options/options.h"

namespace ka::server {

/// Checks this machine, prints the plan, serves until enough nodes are done. Returns the exit status
/// (docs/ka-server.8); throws Error for what is wrong on this side.
int run_clone(const CloneOptions& options);

/// Looks at this machine and makes the plan. Throws Error for what cannot be cloned, or is missing here.
Awaitable<Prepared> prepare(asio::io_context& io, const CloneOptions& options);

/// The plan for people, with what will be sent.
std::string text_of(const Prepared& ready);

/// Throws UsageError for --dhcp or --uki without --pxe.
void check_parts_of_pxe(const CloneOptions& options);

/// What tells machines how to boot, as the options and the job that was made of them have it; nullptr: nothing. With
/// boot files of `images`, if that is not empty. `hints` gets what may be in the way. Throws Error, UsageError.
Awaitable<std::unique_ptr<NextBoot>> make_boot(asio::io_context& io, const CloneOptions& options, const JobPlan& job,
                                               std::string images, std::vector<std::string>& hints);

/// After the job: the nodes, what is left to do, warnings.
void write_results(const Report& report, Output& output);

}  // namespace ka::server
