#pragma once
/// The files that the options of a clone name, read.

#include "server/plan/plan.h"

namespace ka::server {

/// Desc files, boot code, hooks. Throws Error naming the file, and the line of a desc.
PlanInput read_input(const CloneOptions& options);

/// The executable files of a hooks folder in the order of their names; hidden ones and back-up copies (~) are not
/// hooks. A file that is not executable is named in `warnings`.
std::vector<wire::Hook> read_hooks(const std::string& folder, std::vector<std::string>& warnings);

}  // namespace ka::server
