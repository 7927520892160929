#include "server/serve.h"

#include <csignal>

#include "base/error.h"
#include "server/display.h"
#include "server/job.h"

namespace ka::server {

namespace {

std::vector<Session> sessions_of(asio::io_context& io, const Prepared& ready) {
  std::vector<Session> sessions;
  Session stage2;
  stage2.name = wire::stage2_session;
  stage2.open = [file = ready.stage2.file] { return file_source(file); };
  stage2.expected = ready.stage2.size;
  stage2.kept = true;
  sessions.push_back(std::move(stage2));

  Session manifest;
  manifest.name = wire::manifest_session;
  std::string json = wire::to_json(ready.plan.manifest);
  manifest.expected = json.size();
  manifest.open = [json = std::move(json)] { return buffer_source(json); };
  sessions.push_back(std::move(manifest));

  Session system;
  system.name = wire::system_session;
  constexpr int file_changed = 1;  // tar's status when a file changed while it was read
  system.open = [&io, tar = tar_command(ready.tree->root(), left_out_of_stream(ready.plan))] {
    return command_source(io, tar, file_changed);
  };
  system.expected = ready.plan.expected;
  sessions.push_back(std::move(system));

  for (const wire::RawPartition& raw : ready.plan.manifest.raw_partitions) {
    Session session;
    session.name = raw.session;
    session.open = [device = "/dev/" + partition_name(raw.disk, raw.partition)] { return file_source(device); };
    session.expected = raw.size;
    sessions.push_back(std::move(session));
  }
  return sessions;
}

JobPlan job_plan(asio::io_context& io, const CloneOptions& options, const Prepared& ready) {
  JobPlan plan;
  plan.sessions = sessions_of(io, ready);
  plan.nodes = options.nodes;
  if (options.start_after) plan.start_after = std::chrono::seconds(*options.start_after);
  if (options.linger) plan.linger = std::chrono::seconds(*options.linger);
  plan.release_delay = std::chrono::milliseconds(options.release_delay * 100);
  plan.window = options.window_mib * 1024 * 1024;
  plan.listen = ready.listen;
  plan.control_port = options.control_port;
  plan.data_port = options.data_port;
  return plan;
}

// The first signal ends the round in order; the second one stops everything.
Awaitable<void> watch_signals(asio::io_context& io, asio::signal_set& signals, Job& job, Display& display) {
  for (bool first = true;; first = false) {
    auto [error, number] = co_await signals.async_wait(asio::as_tuple(asio::use_awaitable));
    (void)number;
    if (error) co_return;
    if (!first) {
      io.stop();
      continue;
    }
    display.line("Ending the round and telling the nodes; once more ends at once");
    job.stop();
  }
}

}  // namespace

Awaitable<void> serve(asio::io_context& io, const CloneOptions& options, const Prepared& ready, Report& report) {
  Display display(io, options.nodes);
  std::unique_ptr<Job> job = make_job(io, job_plan(io, options, ready), display);
  asio::signal_set signals(io, SIGINT, SIGTERM, SIGHUP);
  display.line("I want " + std::to_string(options.nodes) + (options.nodes == 1 ? " client" : " clients") +
               "; switch them on now");
  using namespace asio::experimental::awaitable_operators;
  try {
    auto ended = co_await (job->run() || watch_signals(io, signals, *job, display));
    report.result = std::get<0>(std::move(ended));
  } catch (...) {
    report.sessions = display.sessions();
    throw;
  }
  report.sessions = display.sessions();
}

}  // namespace ka::server
