#include "server/serve.h"

#include <cstdio>

#include "base/error.h"
#include "server/chunk_source.h"
#include "server/run_job.h"
#include "wire/messages.h"

namespace ka::server {

namespace {

std::vector<Session> sessions_of(asio::io_context& io, const CloneOptions& options, const Prepared& ready) {
  std::vector<Session> sessions;
  Session stage2;
  stage2.name = wire::stage2_session;
  stage2.open = [file = ready.stage2.file] { return file_source(file); };
  stage2.expected = ready.stage2.size;
  stage2.kept = true;
  sessions.push_back(std::move(stage2));

  Session manifest;
  manifest.name = wire::manifest_session;
  wire::Manifest told = ready.plan.manifest;
  if (options.compression != "off" && can_pack()) told.tar_compression = wire::zstd_packing;
  told.verify_all = options.verify == "all";
  told.step_limit_s = options.step_limit;
  std::string json = wire::to_json(told);
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
  system.compression = options.compression;
  sessions.push_back(std::move(system));

  for (const wire::RawPartition& raw : ready.plan.manifest.raw_partitions) {
    Session session;
    session.name = raw.session;
    session.open = [device = "/dev/" + partition_name(raw.disk, raw.partition)] { return file_source(device); };
    session.expected = raw.size;
    session.compression = options.compression;
    sessions.push_back(std::move(session));
  }
  return sessions;
}

JobPlan job_plan(asio::io_context& io, const CloneOptions& options, const Prepared& ready) {
  JobPlan plan;
  plan.sessions = sessions_of(io, options, ready);
  plan.nodes = options.nodes;
  if (options.start_after) plan.start_after = std::chrono::seconds(*options.start_after);
  if (options.linger) plan.linger = std::chrono::seconds(*options.linger);
  plan.racks = ready.racks;
  plan.sink_limit = std::chrono::seconds(options.sink_limit);
  plan.release_delay = std::chrono::milliseconds(options.release_delay * 100);
  plan.window = options.window_mib * 1024 * 1024;
  plan.listen = ready.listen;
  plan.control_port = options.control_port;
  plan.data_port = options.data_port;
  return plan;
}

}  // namespace

Awaitable<void> serve(asio::io_context& io, const CloneOptions& options, const Prepared& ready, Report& report) {
  Display display(io, stdout, options.nodes);
  display.event("I want " + std::to_string(options.nodes) + (options.nodes == 1 ? " client" : " clients") +
                "; switch them on now");
  try {
    report.result = co_await run_job(io, job_plan(io, options, ready), display);
  } catch (...) {
    report.sessions = display.sessions();
    throw;
  }
  report.sessions = display.sessions();
}

}  // namespace ka::server
