#pragma once
/// All that ka-server takes on its command line, in one place: main runs it, and a test holds the manual pages against
/// it.

#include <CLI/CLI.hpp>
#include <functional>

#include "server/options/options.h"

namespace ka::server {

struct CommandLine {
  CommandLine();
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  CLI::App app;
  CloneOptions clone;
  std::function<int()> chosen;  ///< the subcommand, if there was one; its result is the exit status
};

}  // namespace ka::server
