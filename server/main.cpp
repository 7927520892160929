#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "server/clone_command.h"
#include "server/desc_command.h"
#include "server/options.h"
#include "server/pxe_config.h"
#include "server/send_command.h"

namespace ka::server {

namespace {

// Exit statuses of every subcommand; a clone's are in docs/ka-server.8.
constexpr int exit_failed = 1, exit_usage = 2;

std::string conf_text(const std::string& named, std::string& file) {
  file = named.empty() ? default_conf : named;
  if (named.empty() && ::access(file.c_str(), F_OK) != 0) return {};
  return read_file(file);
}

int run(int argc, char** argv) {
  CLI::App app{"Clones this machine, the golden node, onto any number of nodes that boot by PXE (KA method).",
               "ka-server"};
  app.set_version_flag("--version", "ka-server " KA_VERSION);
  app.require_subcommand(0, 1);

  CloneOptions options;
  std::function<int()> chosen;
  add_clone_options(app, options);
  add_desc_command(app, chosen);
  add_send_command(app, chosen);
  add_pxe_config_command(app, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : exit_usage;
  }
  if (chosen) return chosen();
  std::string file;
  for (const ConfEntry& entry : apply_conf(app, conf_text(options.conf, file), file))
    options.from_file.insert({entry.key, std::string(words(entry.value).front())});
  return run_clone(options);
}

}  // namespace

}  // namespace ka::server

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return ka::server::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "ka-server: %s\n", error.what());
    return ka::server::exit_failed;
  }
}
