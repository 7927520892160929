#include "server/command/send_command.h"

#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>

#include "base/error.h"
#include "server/command/job_keeper.h"
#include "server/command/run_job.h"
#include "server/job/report.h"
#include "server/job/status_table.h"
#include "server/options/level.h"
#include "server/options/option_table.h"
#include "server/options/options.h"
#include "wire/discovery.h"

namespace ka::server {

namespace {

struct SendOptions : JobOptions {
  SendOptions() { compression = "off"; }

  std::string session;
  std::string command, file;
  int warning_status = 0;
  bool quiet = false;
};

std::vector<Session> sessions_of(asio::io_context& io, const SendOptions& options) {
  Session session;
  session.name = options.session;
  session.compression = options.compression;
  session.open = [&io, options]() -> std::unique_ptr<Source> {
    if (!options.file.empty()) return file_source(io, options.file);
    Command command({"sh", "-c", options.command});
    for (const char* name : {"PATH", "HOME"}) {
      if (const char* value = std::getenv(name)) command.environment.push_back(std::string(name) + "=" + value);
    }
    return command_source(io, command, options.warning_status);
  };
  return {session};
}

std::vector<std::string> plan_lines(const SendOptions& options) {
  return {"+ Session : " + options.session,
          "+ Source : " + (options.file.empty() ? "what " + options.command + " writes" : options.file)};
}

Awaitable<void> send(asio::io_context& io, const SendOptions& options, Output& output, Report& report,
                     ReportFile& file) {
  // All that can be wrong with the command is found before its first line.
  JobPlan plan = job_plan(io, options);
  const Level level = choose_level(options);
  note_level(level, report);
  plan.key = level.key;
  plan.clone = false;
  plan.sessions = sessions_of(io, options);
  if (!options.file.empty()) plan.sessions[0].expected = check_file_source(options.file);
  const std::unique_ptr<Watch> watch = make_watch(io, options, options.session, plan.listen);
  watch->plan(plan_lines(options));
  KeeperWork work;
  work.sessions = [&options](asio::io_context& there) { return sessions_of(there, options); };
  const std::shared_ptr<Keeper> keeper = make_keeper(io, options, std::move(work), file, *watch);
  plan.sessions = keeper->served(std::move(plan.sessions));
  Display display(io, output, options.nodes, options.quiet);
  display.journal(options.session);
  display.event("I want " + std::to_string(options.nodes) + (options.nodes == 1 ? " client" : " clients") +
                " for session " + options.session);
  display.event(level_text(level));
  display.event("On each: ka-client -s " + options.session + " " +
                (level.key ? "--key " + wire::to_text(level.key->public_key()) : "--open") + " -e COMMAND");
  std::exception_ptr failure;
  try {
    co_await run_job(io, std::move(plan), display, *watch, report, *keeper);
  } catch (...) {
    failure = std::current_exception();
  }
  display.close();
  report.sessions = display.sessions();
  if (failure) std::rethrow_exception(failure);
}

int run_send(const SendOptions& options) {
  ReportFile file(options.json);
  asio::io_context io(1);
  Output output(io, STDERR_FILENO);
  reap_children(io);
  Report report;
  report.session = options.session;
  report.wanted = options.nodes;
  run_reported(io, send(io, options, output, report, file), report, file);
  std::string table = result_table(report.result.nodes, options.nodes);
  if (options.quiet) table.erase(0, table.rfind('\n', table.size() - 2) + 1);
  output.write_for_sure(table);
  if (report.result.interrupted)
    output.write_for_sure((report.error.empty() ? "ended by the operator" : "ka-server: " + report.error) + "\n");
  return exit_status(report);
}

std::string check_session(const std::string& name) {
  return wire::is_session_name(name) ? "" : "a session name is made of A-Z a-z 0-9 . _ -, 64 at most";
}

}  // namespace

void add_send_command(CLI::App& app, std::function<int()>& chosen) {
  auto options = std::make_shared<SendOptions>();
  CLI::App* send = app.add_subcommand("send", "Send one session to ka-client on other machines");
  add_help_and_version(*send);
  OptionTable table(*send);
  table.text("-s,--session", options->session, "NAME", "Name of the session", check_session)->required();
  CLI::Option* command = table.text("-e,--execute", options->command, "COMMAND", "Send what this shell command writes");
  CLI::Option* file = table.text("-f,--file", options->file, "FILE", "Send this file, block device or FIFO");
  command->excludes(file);
  add_job_options(*send, *options);
  table.number("--warning-status", options->warning_status, 0, 255,
               "Exit status of COMMAND that is a warning only (tar: 1); 0: none");
  table.flag("-q,--quiet", options->quiet, "Say only what went wrong, and the total");
  send->callback([options, &chosen] {
    if (options->command.empty() && options->file.empty())
      throw CLI::RequiredError("-e COMMAND or -f FILE, what to send,");
    chosen = [options] { return run_send(*options); };
  });
}

}  // namespace ka::server
