#include "server/send_command.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>

#include "base/error.h"
#include "base/files.h"
#include "base/unique_fd.h"
#include "server/options.h"
#include "server/report.h"
#include "server/run_job.h"
#include "server/status_table.h"
#include "wire/discovery.h"

namespace ka::server {

namespace {

struct SendOptions {
  std::string session;
  std::string command, file;
  std::string compression = "off";
  std::string listen = "0.0.0.0";
  unsigned nodes = 1;
  std::optional<unsigned> start_after, linger;
  unsigned sink_limit = 600;
  std::uint64_t window_mib = 0;
  int warning_status = 0;
  std::uint16_t control_port = wire::control_port, data_port = wire::data_port;
  std::string json, racks, only;
  bool quiet = false;
};

void say(const std::string& text) { std::fprintf(stderr, "%s\n", text.c_str()); }

// 0: not known.
std::uint64_t size_of(const std::string& file) {
  UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  const off_t end = fd.valid() ? ::lseek(fd.get(), 0, SEEK_END) : 0;
  return end > 0 ? static_cast<std::uint64_t>(end) : 0;
}

JobPlan plan_of(asio::io_context& io, const SendOptions& options) {
  JobPlan plan;
  Session session;
  session.name = options.session;
  session.compression = options.compression;
  session.open = [&io, options]() -> std::unique_ptr<Source> {
    if (!options.file.empty()) return file_source(options.file);
    Command command({"sh", "-c", options.command});
    for (const char* name : {"PATH", "HOME"}) {
      if (const char* value = std::getenv(name)) command.environment.push_back(std::string(name) + "=" + value);
    }
    return command_source(io, command, options.warning_status);
  };
  if (!options.file.empty()) session.expected = size_of(options.file);
  plan.sessions.push_back(std::move(session));
  plan.clone = false;
  plan.nodes = options.nodes;
  if (options.start_after) plan.start_after = std::chrono::seconds(*options.start_after);
  if (options.linger) plan.linger = std::chrono::seconds(*options.linger);
  plan.racks = read_racks(options.racks);
  plan.only = read_only(options.only);
  plan.sink_limit = std::chrono::seconds(options.sink_limit);
  plan.window = options.window_mib << 20;
  plan.listen = asio::ip::make_address_v4(options.listen);
  plan.control_port = options.control_port;
  plan.data_port = options.data_port;
  return plan;
}

Awaitable<void> send(asio::io_context& io, const SendOptions& options, Report& report) {
  Display display(io, stderr, options.nodes, options.quiet);
  display.event("I want " + std::to_string(options.nodes) + (options.nodes == 1 ? " client" : " clients") +
                " for session " + options.session);
  try {
    report.result = co_await run_job(io, plan_of(io, options), display);
    report.error.clear();
  } catch (const Error& error) {
    report.error = error.what();
  }
  report.sessions = display.sessions();
}

int run_send(const SendOptions& options) {
  ::signal(SIGPIPE, SIG_IGN);
  asio::io_context io(1);
  reap_children(io);
  Report report;
  report.session = options.session;
  report.wanted = options.nodes;
  report.error = "ended at once by a signal";
  report.result.interrupted = true;
  const auto began = std::chrono::steady_clock::now();
  auto ended = [&](std::exception_ptr error) {
    if (error) std::rethrow_exception(error);
    io.stop();
  };
  asio::co_spawn(io, send(io, options, report), ended);
  io.run();
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  if (!options.json.empty()) write_file(options.json, report_json(report));
  if (!report.error.empty()) throw Error(report.error);
  std::string table = result_table(report.result.nodes, options.nodes);
  if (options.quiet) table.erase(0, table.rfind('\n', table.size() - 2) + 1);
  std::fputs(table.c_str(), stderr);
  if (report.result.interrupted) say("ended by the operator");
  return succeeded(report) && !report.result.interrupted ? 0 : 1;
}

std::string check_session(const std::string& name) {
  return wire::is_session_name(name) ? "" : "a session name is made of A-Z a-z 0-9 . _ -, 64 at most";
}

}  // namespace

void add_send_command(CLI::App& app, std::function<int()>& chosen) {
  auto options = std::make_shared<SendOptions>();
  CLI::App* send = app.add_subcommand("send", "Send one session to ka-client on other machines");
  send->add_option("-s,--session", options->session, "Name of the session")->required()->check(check_session);
  auto* what = send->add_option_group("what", "What to send");
  what->add_option("-e,--execute", options->command, "Send what this shell command writes");
  what->add_option("-f,--file", options->file, "Send this file or block device");
  what->require_option(1);
  send->add_option("-n,--nodes", options->nodes, "Start when so many nodes wait; succeed when as many are done")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  send->add_option("-T,--start-after", options->start_after,
                   "Start this many seconds after the first node came, even if fewer than -n wait");
  send->add_option("--linger", options->linger, "Wait this many seconds after a round for nodes that are missing");
  send->add_option("--racks", options->racks, "Which nodes shall be neighbours: lines RACK ADDRESS...")
      ->type_name("FILE");
  send->add_option("--only", options->only, "Which machines may take part: addresses, as in --racks")->type_name("FILE");
  send->add_option("--sink-limit", options->sink_limit,
                   "A node whose command or file takes nothing for so many seconds has failed; 0: no limit")
      ->capture_default_str();
  send->add_option("-w,--window", options->window_mib, "MiB held for nodes that are behind (default: by their number)");
  add_compression_option(*send, options->compression);
  send->add_option("--warning-status", options->warning_status,
                   "Exit status of the command that is a warning only (tar: 1)");
  send->add_option("--listen", options->listen, "Serve on this address only")
      ->check(CLI::ValidIPV4)
      ->capture_default_str();
  send->add_option("--control-port", options->control_port, "UDP and TCP port for control")->capture_default_str();
  send->add_option("--data-port", options->data_port, "TCP port for data")->capture_default_str();
  send->add_option("--json", options->json, "Write the result there, for programs")->type_name("FILE");
  send->add_flag("-q,--quiet", options->quiet, "Say only what went wrong, and the total");
  send->callback([options, &chosen] { chosen = [options] { return run_send(*options); }; });
}

}  // namespace ka::server
