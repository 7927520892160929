#pragma once
/// A JobState for programs and for the page: /status.json, and what of it has changed since. docs/events.md has the
/// fields. All text of strangers is escaped (base/text.h), so that the result is ASCII.

#include <chrono>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "server/view/job_state.h"

namespace ka::server {

nlohmann::json disks_json(const std::vector<wire::DiskOffer>& disks);

/// All of it.
nlohmann::json status_json(const JobState& state);

/// What the page needs to follow from `since` on, a JobState::version: totals always, of the nodes and the log those
/// that changed. Of nodes that only moved, four numbers.
nlohmann::json changes_json(const JobState& state, std::uint64_t since);

/// The other way round, as far as the tables of the terminal need it: what `ka-server status` shows. Throws Error if it
/// is no /status.json.
JobState parse_status(const std::string& text);

}  // namespace ka::server
