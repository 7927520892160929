#pragma once
/// The programs of this machine that ka-server runs.

#include <string>
#include <vector>

namespace ka::server {

/// Puts the folders of administration at the end of PATH: `su` without - leaves them out.
void extend_path();

bool has_program(const std::string& name);

/// All of `names` that are not here, each with the packages that have it, in one Error.
void require_programs(const std::vector<std::string>& names);

}  // namespace ka::server
