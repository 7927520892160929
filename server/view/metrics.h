#pragma once
/// /metrics: a JobState in the text format of Prometheus (version 0.0.4). docs/events.md lists the names.

#include <string>

#include "server/view/job_state.h"

namespace ka::server {

std::string metrics_text(const JobState& state);

}  // namespace ka::server
