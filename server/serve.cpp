#include "server/serve.h"

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
  stage2.open = [&io, file = ready.stage2.file] { return file_source(io, file); };
  stage2.expected = ready.stage2.size;
  stage2.kept = true;
  sessions.push_back(std::move(stage2));

  Session manifest;
  manifest.name = wire::manifest_session;
  wire::Manifest told = ready.plan.manifest;
  if (options.compression != "off" && can_pack()) told.tar_compression = wire::zstd_packing;
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
  system.writes = true;
  sessions.push_back(std::move(system));

  for (const wire::RawPartition& raw : ready.plan.manifest.raw_partitions) {
    Session session;
    session.name = raw.session;
    session.open = [&io, device = "/dev/" + partition_name(raw.disk, raw.partition)] {
      return file_source(io, device);
    };
    session.expected = raw.size;
    session.compression = options.compression;
    session.writes = true;
    sessions.push_back(std::move(session));
  }
  return sessions;
}

}  // namespace

Awaitable<void> serve(asio::io_context& io, const CloneOptions& options, const Prepared& ready, Output& output,
                      Report& report) {
  JobPlan plan = ready.job;
  plan.sessions = sessions_of(io, options, ready);
  plan.release_delay = std::chrono::milliseconds(options.release_delay * 100);
  Display display(io, output, options.nodes);
  display.event("I want " + std::to_string(options.nodes) + (options.nodes == 1 ? " client" : " clients") +
                "; switch them on now");
  if (ready.confirm)
    plan.confirm = [&](std::vector<wire::WriteRequest> nodes) {
      return ready.confirm->ask(std::move(nodes), [&display](const std::string& line) { display.event(line); });
    };
  std::exception_ptr failure;
  try {
    report.result = co_await run_job(io, std::move(plan), display);
  } catch (...) {
    failure = std::current_exception();
  }
  display.close();
  report.sessions = display.sessions();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace ka::server
