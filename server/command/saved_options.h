#pragma once
/// The plan that was asked for when an image was saved, as words of a command line: so that it can be asked for again.

#include <string>
#include <vector>

#include "server/options/options.h"

namespace ka::server {

/// Of `app`, to which add_plan_options() has added its options: those that were given, by the command line or ka.conf.
std::vector<std::string> plan_words(const CLI::App& app);

/// What they name need not be there any more. Throws Error for an option that this KA does not have.
CloneOptions options_of(const std::vector<std::string>& words);

/// The settings file, for a subcommand that has the options of the plan and none of serving.
void apply_plan_conf(CLI::App& app, CloneOptions& options);

}  // namespace ka::server
