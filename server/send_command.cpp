#include "server/send_command.h"

#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <map>

#include "base/error.h"
#include "base/text.h"
#include "server/job.h"
#include "server/packing_source.h"
#include "wire/discovery.h"

namespace ka::server {

namespace {

struct SendOptions {
  std::string session;
  std::string command, file;
  std::string compression = "off";
  std::string listen = "0.0.0.0";
  unsigned nodes = 1;
  unsigned start_after = 0, linger = 0;
  std::uint64_t window_mib = 0;
  int warning_status = 0;
  std::uint16_t control_port = wire::control_port, data_port = wire::data_port;
  bool quiet = false;
};

void say(const std::string& text) { std::fprintf(stderr, "%s\n", text.c_str()); }

class Reporter final : public JobObserver {
 public:
  explicit Reporter(bool quiet) : quiet_(quiet) {}

  void event(const std::string& text) override {
    if (!quiet_) say(text);
  }
  void node(const NodeStatus&) override {}
  void session_started(const Session& session, unsigned round, unsigned members) override {
    event("Let's go! Session " + session.name + ", round " + std::to_string(round) + ", " + std::to_string(members) +
          (members == 1 ? " node" : " nodes"));
  }
  void session_progress(const Session&, std::uint64_t) override {}
  void session_ended(const Session&, std::uint64_t bytes, std::chrono::duration<double> elapsed,
                     const std::vector<std::string>& warnings) override {
    char text[160];
    double seconds = std::max(elapsed.count(), 1e-6);
    std::snprintf(text, sizeof text, "Total data sent = %s, transfer time = %.3f seconds, throughput = %.3f Mbytes/second",
                  format_size(bytes).c_str(), seconds, static_cast<double>(bytes) / seconds / 1e6);
    event(text);
    for (const std::string& warning : warnings) say("Warning: " + warning);
  }

 private:
  bool quiet_;
};

const char* state_text(NodeStatus::State state) {
  switch (state) {
    case NodeStatus::State::waiting: return "waiting";
    case NodeStatus::State::running: return "unfinished";
    case NodeStatus::State::finishing: return "unfinished";
    case NodeStatus::State::done: return "done";
    case NodeStatus::State::failed: return "failed";
    case NodeStatus::State::put_out: return "put out";
  }
  return "";
}

int report(const SendOptions& options, const JobResult& result) {
  for (const NodeStatus& node : result.nodes) {
    std::string line = node.address + (node.host_name.empty() ? "" : " (" + node.host_name + ")") + ": " +
                       state_text(node.state);
    if (!node.reason.empty() && node.state != NodeStatus::State::done) line += ": " + node.reason;
    if (!options.quiet || node.state != NodeStatus::State::done) say(line);
  }
  say(std::to_string(result.done) + " of " + std::to_string(options.nodes) + " nodes done" +
      (result.interrupted ? ", ended by the operator" : ""));
  return result.done >= options.nodes && !result.interrupted ? 0 : 1;
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
  plan.sessions.push_back(std::move(session));
  plan.clone = false;
  plan.nodes = options.nodes;
  if (options.start_after != 0) plan.start_after = std::chrono::seconds(options.start_after);
  if (options.linger != 0) plan.linger = std::chrono::seconds(options.linger);
  plan.window = options.window_mib << 20;
  plan.listen = asio::ip::make_address_v4(options.listen);
  plan.control_port = options.control_port;
  plan.data_port = options.data_port;
  return plan;
}

int run_send(const SendOptions& options) {
  ::signal(SIGPIPE, SIG_IGN);
  asio::io_context io(1);
  reap_children(io);
  Reporter reporter(options.quiet);
  std::unique_ptr<Job> job = make_job(io, plan_of(io, options), reporter);
  asio::signal_set interrupts(io, SIGINT, SIGTERM, SIGHUP);
  auto on_signal = [&job](boost::system::error_code error, int) {
    if (!error) job->stop();
  };
  interrupts.async_wait(on_signal);
  int status = 1;
  auto ended = [&](std::exception_ptr error, JobResult result) {
    try {
      if (error) std::rethrow_exception(error);
      status = report(options, result);
    } catch (const std::exception& why) {
      say(std::string("ka-server: ") + why.what());
    }
    io.stop();
  };
  asio::co_spawn(io, job->run(), ended);
  io.run();
  return status;
}

std::string check_session(const std::string& name) {
  return wire::is_session_name(name) ? "" : "a session name is made of A-Z a-z 0-9 . _ -, 64 at most";
}

std::string check_level(const std::string& compression) {
  try {
    check_compression(compression);
    return "";
  } catch (const Error& error) {
    return error.what();
  }
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
  send->add_option("-w,--window", options->window_mib, "MiB held for nodes that are behind (default: by their number)");
  send->add_option("-z,--compression", options->compression, "Pack the stream on its way with zstd: auto, off or a level (1-19)")
      ->capture_default_str()
      ->check(check_level);
  send->add_option("--warning-status", options->warning_status,
                   "Exit status of the command that is a warning only (tar: 1)");
  send->add_option("--listen", options->listen, "Serve on this address only")
      ->check(CLI::ValidIPV4)
      ->capture_default_str();
  send->add_option("--control-port", options->control_port, "UDP and TCP port for control")->capture_default_str();
  send->add_option("--data-port", options->data_port, "TCP port for data")->capture_default_str();
  send->add_flag("-q,--quiet", options->quiet, "Say only what went wrong, and the total");
  send->callback([options, &chosen] { chosen = [options] { return run_send(*options); }; });
}

}  // namespace ka::server
