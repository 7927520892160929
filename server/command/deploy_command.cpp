#include "server/command/deploy_command.h"

#include <unistd.h>

#include <CLI/CLI.hpp>

#include "base/error.h"
#include "base/files.h"
#include "base/temporary_folder.h"
#include "base/text.h"
#include "server/command/clone_command.h"
#include "server/command/job_keeper.h"
#include "server/command/run_job.h"
#include "server/golden/programs.h"
#include "server/logs/log_store.h"
#include "server/options/level.h"
#include "server/options/option_table.h"
#include "server/plan/plan.h"
#include "server/shelf/image_source.h"

namespace ka::server {

namespace {

struct DeployOptions : CloneOptions {
  std::string image;
};

// What the index says comes from whoever made the image.
std::string text_of(const Image& image) {
  const ImageIndex& index = image.index;
  std::uint64_t unpacked = 0;
  for (const StoredStream& stream : index.streams) unpacked += stream.unpacked;
  std::string text = "+ Image : " + printable(image.place.path()) + ", " + format_size(size_of(index)) + ", of " +
                     printable(index.golden_host) + ", saved " + printable(index.saved) + " by KA " +
                     printable(index.made_by) + "\n+ To send : " + format_size(unpacked) + "\n";
  for (const std::string& warning : index.warnings) text += "! when it was saved: " + printable(warning) + "\n";
  return text;
}

// What --luks-key says, for what is encrypted in this image.
wire::Passphrases passphrases_of(const Image& image, const LuksKeys& keys, const DeployOptions& options) {
  const LuksChoice choice = luks_choice(image.manifest.storage, keys, options);
  if (!choice.refusals.empty()) throw Refusal(choice.refusals, {});
  return choice.passphrases;
}

// The kernel and all.rdz of the image, as one folder; nullptr: it has none.
std::unique_ptr<TemporaryFolder> boot_files_of(const Image& image) {
  if (image.index.boot.empty()) return nullptr;
  auto folder = std::make_unique<TemporaryFolder>("/run/ka-image.XXXXXX");
  for (const StoredFile& file : image.index.boot) {
    std::string content;
    read_stored(image.place, file, [&content](std::string_view bytes) { content += bytes; });
    write_file(folder->path() + "/" + file.name, content, 0600);
  }
  return folder;
}

Awaitable<void> deploy(asio::io_context& io, const DeployOptions& options, Output& output, Report& report,
                       ReportFile& file) {
  const Image image = open_image(options.image);
  report.session = image.manifest.session;
  const LuksKeys keys = read_luks_keys(options);
  const wire::Passphrases passphrases = passphrases_of(image, keys, options);
  JobPlan plan = job_plan(io, options);
  const Level level = choose_level(options);
  note_level(level, report);
  plan.key = level.key;
  extend_path();
  if (!options.store_log.empty()) {
    check_store_url(options.store_log);
    require_programs({"curl"});
  }
  std::string text = text_of(image);
  check_parts_of_pxe(options);
  std::vector<std::string> hints;
  std::unique_ptr<NextBoot> boot;
  {
    // Who is not root is refused before anything is written.
    const bool reads = options.pxe && ::geteuid() == 0;
    const std::unique_ptr<TemporaryFolder> files = reads ? boot_files_of(image) : nullptr;
    const std::string images = files ? files->path() : "";
    boot = co_await make_boot(io, options, plan, images, hints);
  }
  for (const std::string& hint : hints) text += "! " + hint + "\n";
  std::unique_ptr<Watch> watch = make_watch(io, options, report.session, plan.listen);
  std::unique_ptr<Confirm> confirm;
  if (options.confirm) confirm = std::make_unique<Confirm>(io);
  text += "+ " + level_text(level) + "\n";
  output.write_for_sure(text);
  KeeperWork work;
  work.sessions = [&](asio::io_context& there) {
    return image_sessions(there, image, options.compression, passphrases);
  };
  keep_logs(work, report.session, options.store_log);
  const std::shared_ptr<Keeper> keeper = make_keeper(io, options, std::move(work), file, *watch, boot.get());
  plan.sessions = keeper->served(image_sessions(io, image, options.compression, passphrases));
  plan.release_delay = std::chrono::milliseconds(options.release_delay * 100);
  plan.passphrases = [passphrases, &keys, &report](const NodeStatus& node) {
    return passphrases_for(passphrases, keys, node, report);
  };
  const std::vector<std::string_view> lines = split(trim(text), '\n');
  watch->plan({lines.begin(), lines.end()}, plan_tree(image.manifest.storage));
  const JobSides sides{confirm.get(), boot.get(), *watch, *keeper, report.session, options.store_log};
  co_await serve_job(io, std::move(plan), sides, output, report);
}

// Without -n: is it whole, to the last byte?
int run_check(const DeployOptions& options) {
  const Image image = open_image(options.image);
  for (const StoredFile* file : files_of(image.index)) read_stored(image.place, *file);
  write_at_the_end(STDOUT_FILENO, text_of(image) +
                                      "This image is whole. Nothing was sent: with -n N, ka-server deploy waits for N "
                                      "machines\nthat boot the label kamethod, and clones onto them.\n");
  return 0;
}

int run_deploy(const DeployOptions& options) {
  if (options.nobody_wanted) return run_check(options);
  const bool secret = options.luks_keys == std::vector<std::string>{"generate"};
  ReportFile file(options.json, secret);
  asio::io_context io;
  Output output(io, STDOUT_FILENO);
  reap_children(io);
  Report report;
  report.wanted = options.nodes;
  run_reported(io, deploy(io, options, output, report, file), report, file);
  write_results(report, output);
  return exit_status(report);
}

}  // namespace

void add_deploy_command(CLI::App& app, std::function<int()>& chosen) {
  auto options = std::make_shared<DeployOptions>();
  CLI::App* deploy = app.add_subcommand("deploy", "Clone from an image that ka-server save has made");
  add_help_and_version(*deploy);
  deploy->add_option("IMAGE", options->image, "The folder, or the file")->required()->type_name("");
  add_serving_options(*deploy, *options);
  deploy->callback([options, deploy, &chosen] {
    options->nobody_wanted = (*deploy)["--nodes"]->count() == 0;
    chosen = [options] { return run_deploy(*options); };
  });
}

}  // namespace ka::server
