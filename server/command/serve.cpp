#include "server/command/serve.h"

#include "base/error.h"
#include "base/files.h"
#include "server/command/block_streams.h"
#include "server/command/job_keeper.h"
#include "server/command/node_logs.h"
#include "server/command/run_job.h"
#include "server/golden/tar_warnings.h"
#include "server/job/chunk_source.h"
#include "server/job/observers.h"
#include "wire/messages.h"

namespace ka::server {

namespace {

std::string manifest_of_now(Plan plan, const std::string& root, const std::string& apart) {
  // A directory of -x that went meanwhile is not missed.
  plan.excluded_by_conf.insert(plan.excluded.begin(), plan.excluded.end());
  const Survey found = survey_of(plan, root, apart);
  add_survey(plan, found);
  return wire::to_json(plan.manifest);
}

// tar, and what it says: also with status 0 it may have lost something.
class TarSource final : public Source {
 public:
  TarSource(asio::io_context& io, const Command& tar, std::shared_ptr<Said> said)
      : said_(std::move(said)), warnings_(std::make_shared<TarWarnings>()) {
    constexpr int file_changed = 1;  // tar's status when a file changed while it was read
    auto keep = [warnings = warnings_](std::string_view line) { warnings->add(line); };
    stream_ = command_source(io, tar, file_changed, keep);
  }

  Awaitable<std::size_t> read(std::span<std::byte> room) override { return stream_->read(room); }

  Awaitable<UniqueFd> hand_over() override { return stream_->hand_over(); }

  Awaitable<std::vector<std::string>> finish() override {
    co_await stream_->finish();
    for (const std::string& line : warnings_->lines()) said_->text += line + "\n";
    co_return warnings_->summary(said_->file);
  }

 private:
  std::shared_ptr<Said> said_;
  std::shared_ptr<TarWarnings> warnings_;
  std::unique_ptr<Source> stream_;
};

// Beside the report, else with the logs. Never while tar reads: the folder may be among what it sends.
std::string warnings_file(const CloneOptions& options) {
  return options.json.empty() ? "/var/log/ka/" + options.session + ".warnings" : options.json + ".warnings";
}

void keep_warnings(const Said& said) {
  if (said.text.empty()) return;
  if (auto slash = said.file.rfind('/'); slash != std::string::npos && slash > 0)
    make_directories(said.file.substr(0, slash));
  write_file(said.file, said.text);
}

LogChoice log_choice(const JobSides& sides, const std::optional<wire::KeyPair>& key) {
  Keeper& keeper = sides.keeper;
  LogChoice logs{sides.session, sides.store_log, key, {}, {}};
  logs.open_folder = [&keeper] { return keeper.log_folder(); };
  logs.transfer = [&keeper](const std::string& path) -> Awaitable<std::string> {
    const std::vector<std::string> name = {path.substr(path.rfind('/') + 1)};
    std::string why;
    try {
      co_await keeper.have_done(Errand::store_log, name);
    } catch (const Error& error) {
      why = error.what();
    }
    co_return why;
  };
  return logs;
}

}  // namespace

std::vector<Session> clone_sessions(asio::io_context& io, const CloneOptions& options, const Prepared& ready,
                                    std::shared_ptr<Said> said) {
  std::vector<Session> sessions;
  Session stage2;
  stage2.name = wire::stage2_session;
  stage2.open = [&io, file = ready.stage2.file] { return file_source(io, file); };
  stage2.expected = ready.stage2.size;
  stage2.kept = true;
  sessions.push_back(std::move(stage2));

  Session manifest;
  manifest.name = wire::manifest_session;
  Plan told = ready.plan;
  if (options.compression != "off" && can_pack()) told.manifest.tar_compression = wire::zstd_packing;
  told.manifest.verify_all = options.verify == "all";
  told.manifest.step_limit_s = options.step_limit;
  manifest.expected = wire::to_json(told.manifest).size();
  // Each round is told what is there then: sockets and directories come and go.
  manifest.open = [&io, told = std::move(told), root = ready.tree->root(), apart = ready.tree->apart()] {
    std::function<std::string()> work = [told, root, apart] { return manifest_of_now(told, root, apart); };
    return computed_source(io, "look at the files again", work);
  };
  sessions.push_back(std::move(manifest));

  Session system;
  system.name = wire::system_session;
  system.open = [&io, said, tar = tar_command(*ready.tree, ready.plan.manifest, left_out_of_stream(ready.plan))] {
    return std::make_unique<TarSource>(io, tar, said);
  };
  system.expected = ready.plan.expected;
  system.compression = options.compression;
  system.writes = true;
  sessions.push_back(std::move(system));

  for (const wire::Stream& stream : ready.plan.manifest.streams) {
    const storage::Node& content = ready.plan.manifest.storage.at(stream.of);
    Session session;
    session.name = stream.session;
    session.open = [&io, &storage = ready.plan.manifest.storage, root = ready.stage2.root, id = stream.of] {
      return blocks_source(io, root, storage, id);
    };
    session.expected = ready.plan.expected_blocks.at(content.id);
    session.compression = options.compression;
    session.writes = true;
    sessions.push_back(std::move(session));
  }
  return sessions;
}

std::vector<wire::DevicePassphrase> passphrases_for(wire::Passphrases way, const LuksKeys& keys, const NodeStatus& node,
                                                    Report& report) {
  std::vector<wire::DevicePassphrase> passphrases;
  if (way == wire::Passphrases::sent)
    for (const auto& [device, passphrase] : keys.by_device) passphrases.push_back({device, passphrase});
  if (way == wire::Passphrases::made) {
    Secret& made = report.passphrases[node.number];
    if (made.empty()) made = generate_passphrase();
    passphrases.push_back({"", made});
  }
  return passphrases;
}

Awaitable<void> serve_job(asio::io_context& io, JobPlan plan, JobSides sides, Output& output, Report& report) {
  const unsigned nodes = plan.nodes;
  Display display(io, output, nodes);
  display.journal(report.session);
  const std::function<void(const std::string&)> say = [&display](const std::string& line) { display.event(line); };
  say("I want " + std::to_string(nodes) + (nodes == 1 ? " client" : " clients") + "; switch them on now");
  if (sides.confirm != nullptr)
    plan.confirm = [&say, confirm = sides.confirm](std::vector<wire::WriteRequest> asking) {
      return confirm->ask(std::move(asking), say);
    };
  NodeLogs logs(io, log_choice(sides, plan.key), say);
  sides.watch.logs(logs.files());
  Observers observers;
  observers.add(logs.observer());
  if (sides.boot != nullptr) {
    observers.add(*sides.boot);
    plan.admits = [boot = sides.boot](const std::string& card, const std::string& token) {
      return boot->admit(card, token);
    };
  }
  std::exception_ptr failure;
  try {
    if (sides.boot != nullptr) co_await sides.boot->start(say);
    co_await run_job(io, std::move(plan), display, sides.watch, report, sides.keeper, &observers);
  } catch (...) {
    failure = std::current_exception();
  }
  if (sides.boot != nullptr) sides.boot->end();
  co_await logs.finish(report);
  display.close();
  report.sessions = display.sessions();
  if (failure) std::rethrow_exception(failure);
}

Awaitable<void> serve(asio::io_context& io, const CloneOptions& options, const Prepared& ready, Output& output,
                      Report& report, ReportFile& file) {
  JobPlan plan = ready.job;
  auto said = std::make_shared<Said>();
  said->file = warnings_file(options);
  KeeperWork work;
  work.sessions = [&](asio::io_context& there) { return clone_sessions(there, options, ready, said); };
  work.keep_warnings = [said] { keep_warnings(*said); };
  keep_logs(work, options.session, options.store_log,
            [&ready] { return why_logs_would_be_cloned(ready.tree->root(), ready.plan.manifest.mounts); });
  const std::shared_ptr<Keeper> keeper =
      make_keeper(io, options, std::move(work), file, *ready.watch, ready.boot.get());
  plan.sessions = keeper->served(clone_sessions(io, options, ready, said));
  plan.release_delay = std::chrono::milliseconds(options.release_delay * 100);
  plan.passphrases = [&ready, &report](const NodeStatus& node) {
    return passphrases_for(ready.plan.manifest.passphrases, ready.input.luks, node, report);
  };
  const JobSides sides{ready.confirm.get(), ready.boot.get(), *ready.watch, *keeper,
                       options.session,     options.store_log};
  std::exception_ptr failure;
  try {
    co_await serve_job(io, std::move(plan), sides, output, report);
  } catch (...) {
    failure = std::current_exception();
  }
  try {
    keeper->do_now(Errand::keep_warnings);
  } catch (const Error& error) {
    report.result.warnings.push_back(error.what());
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace ka::server
