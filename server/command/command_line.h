#pragma once
/// All that ka-server takes on its command line, in one place: main runs it, and a test holds the manual pages against
/// it.

#include <CLI/CLI.hpp>
#include <exception>
#include <functional>
#include <string>
#include <vector>

#include "server/options/options.h"

namespace ka::server {

struct CommandLine {
  CommandLine();
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  CLI::App app;
  CloneOptions clone;
  std::vector<std::string> behind_dashes;  ///< of exec: the command; no parser of ours looks at it
  std::function<int()> chosen;             ///< the subcommand, if there was one; its result is the exit status
};

/// Why a command ends, on standard error. What stands in it may come from a node or from the output of a program:
/// nothing in it moves the cursor.
void say_why(const std::exception& error);

}  // namespace ka::server
