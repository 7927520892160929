#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <string_view>

#include "base/error.h"
#include "base/text.h"
#include "server/built_from.h"
#include "server/command/clone_command.h"
#include "server/command/command_line.h"
#include "server/logs/log_store.h"

namespace ka::server {

namespace {

// Exit statuses of every subcommand; docs/ka-server.8 has them.
constexpr int exit_failed = 1, exit_usage = 2;

// A program that is started without one of them would take a socket or a disk for it.
void open_missing_standard_streams() {
  for (int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) < 0) (void)!::open("/dev/null", O_RDWR);
  }
}

int run(int argc, char** argv) {
  CommandLine line;
  line.app.set_version_flag("-V,--version", version_text(), "Print the version, what it was built from, and end");
  // Of exec: what stands behind -- is the command, and no option of ours.
  int ours = argc;
  if (argc > 1 && std::string_view(argv[1]) == "exec") {
    ours = static_cast<int>(std::find(argv, argv + argc, std::string_view("--")) - argv);
    line.behind_dashes.assign(argv + std::min(ours + 1, argc), argv + argc);
  }
  try {
    line.app.parse(ours, argv);
    hide_store_url(argc, argv);
  } catch (const CLI::ParseError& error) {
    return line.app.exit(error) == 0 ? 0 : exit_usage;
  }
  if (line.chosen) {
    for (const CLI::Option* option : line.app.get_options())
      if (option->count() > 0)
        throw UsageError(option->get_name(), "stands before the subcommand, which has options of its own behind it");
    return line.chosen();
  }
  std::string file;
  for (const ConfEntry& entry : apply_conf(line.app, read_conf(line.clone.conf, file), file))
    line.clone.from_file.insert({entry.key, std::string(words(entry.value).front())});
  line.clone.nobody_wanted = line.app["--nodes"]->count() == 0;
  return run_clone(line.clone);
}

}  // namespace

}  // namespace ka::server

int main(int argc, char** argv) {
  using namespace ka::server;
  std::signal(SIGPIPE, SIG_IGN);
  open_missing_standard_streams();
  try {
    return run(argc, argv);
  } catch (const ka::UsageError& error) {
    say_why(error);
    return exit_usage;
  } catch (const std::exception& error) {
    say_why(error);
    return exit_failed;
  }
}
