#pragma once
/// What the state machine of wire/ has to know of a job.

#include "server/job/job.h"
#include "wire/job_machine.h"

namespace ka::server {

/// Throws Error for a compression that cannot be had on this machine.
wire::JobRules rules_of(const JobPlan& plan, std::uint16_t data_port);

}  // namespace ka::server
