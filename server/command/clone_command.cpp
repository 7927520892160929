#include "server/command/clone_command.h"

#include <unistd.h>

#include "base/error.h"
#include "base/process.h"
#include "base/text.h"
#include "server/boot/boot_side.h"
#include "server/boot/pxelinux_dir.h"
#include "server/command/block_streams.h"
#include "server/command/check_report.h"
#include "server/command/run_job.h"
#include "server/command/run_task.h"
#include "server/command/serve.h"
#include "server/golden/initrds.h"
#include "server/golden/programs.h"
#include "server/job/degraded_text.h"
#include "server/job/identity_text.h"
#include "server/job/status_table.h"
#include "server/logs/log_store.h"
#include "server/plan/plan_input.h"
#include "wire/ports.h"

namespace ka::server {

namespace {

bool checks_only(const CloneOptions& options) { return options.check || options.nobody_wanted; }

// All that this run needs of the machine's own programs.
std::vector<std::string> programs_for(const CloneOptions& options) {
  std::vector<std::string> programs = {"sfdisk", "blkid", "dumpe2fs", "tar"};
  if (options.compression != "off" && options.compression != "auto") programs.emplace_back("zstd");
  if (packs_stage2(options.stage2)) programs.emplace_back("mksquashfs");
  if (!options.store_log.empty()) programs.emplace_back("curl");
  return programs;
}

// Asked for before anybody waits.
void check_sources(const Prepared& ready) {
  check_file_source(ready.stage2.file);
  const wire::Manifest& manifest = ready.plan.manifest;
  for (const wire::Stream& stream : manifest.streams) check_file_source(source_of(manifest.storage, stream.of));
}

Awaitable<void> tell_of_initrds(asio::io_context& io, Prepared& ready) {
  std::vector<std::string> used;
  for (const boot::Trail& trail : ready.plan.boots) used.insert(used.end(), trail.initrds.begin(), trail.initrds.end());
  ready.plan.manifest.initrds = co_await look_into_initrds(io, ready.tree->root(), ready.stage2.root, std::move(used));
}

}  // namespace

void check_parts_of_pxe(const CloneOptions& options) {
  if (options.pxe) return;
  if (!options.dhcp.empty()) throw UsageError("--dhcp", "is a part of --pxe, which is not given");
  if (!options.uki.empty()) throw UsageError("--uki", "is a part of --pxe, which is not given");
}

namespace {

BootOptions boot_options(const CloneOptions& options, const JobPlan& job) {
  if (parse_address(options.interface))
    throw UsageError("--pxe", "with -i, the name of the interface is needed, not its address " + options.interface);
  BootOptions boot;
  boot.interface = options.interface;
  boot.values_file = options.pxe_values;
  boot.http_port = options.boot_port;
  boot.control_port = options.control_port;
  boot.data_port = options.data_port;
  boot.tries = options.tries;
  if (job.key) boot.kakey = wire::to_text(job.key->public_key());
  boot.only = job.only;
  boot.dhcp = options.dhcp;
  boot.nodes = options.nodes;
  boot.uki = options.uki;
  return boot;
}

}  // namespace

Awaitable<std::unique_ptr<NextBoot>> make_boot(asio::io_context& io, const CloneOptions& options, const JobPlan& job,
                                               std::string images, std::vector<std::string>& hints) {
  if (options.pxe && !options.pxelinux_dir.empty())
    throw UsageError("--pxelinux-dir", "is for another boot server's files, and with --pxe this machine is one");
  if (!options.pxelinux_dir.empty()) {
    PxelinuxOptions there{options.pxelinux_dir, job.only, options.tries};
    co_return std::make_unique<PxelinuxDir>(there);
  }
  if (!options.pxe) co_return nullptr;
  if (::geteuid() != 0) throw Error("--pxe", "only root can answer machines that boot; without it, root is not needed");
  BootOptions how = boot_options(options, job);
  how.images = std::move(images);
  auto boot = std::make_unique<BootSide>(io, how);
  hints = co_await boot->check();
  co_return boot;
}

Awaitable<Prepared> prepare(asio::io_context& io, const CloneOptions& options) {
  if (::geteuid() != 0) throw Error("ka-server must be run as root: it reads every file and every disk");
  if (!options.store_log.empty()) check_store_url(options.store_log);
  extend_path();
  require_programs(programs_for(options));
  Prepared ready;
  ready.input = read_input(options);
  if (options.shelf.empty()) {
    ready.job = job_plan(io, options);
    ready.level = choose_level(options, checks_only(options));
    ready.job.key = ready.level.key;
  }
  check_parts_of_pxe(options);
  std::vector<std::string> hints;
  const std::string images;  // those of this machine
  ready.boot = co_await make_boot(io, options, ready.job, images, hints);
  if (!checks_only(options) && options.shelf.empty())
    ready.watch = make_watch(io, options, options.session, ready.job.listen);
  if (options.confirm && !checks_only(options)) ready.confirm = std::make_unique<Confirm>(io);
  std::vector<std::string> drives;
  for (const auto& [drive, desc] : ready.input.descs) drives.push_back(drive);
  Golden golden = co_await inspect(io, drives);
  ready.plan = make_plan(golden, ready.input);
  ready.plan.warnings.insert(ready.plan.warnings.end(), hints.begin(), hints.end());
  co_await check_tar(io);
  ready.tree = std::make_unique<GoldenTree>(ready.plan.manifest);
  ready.stage2 = co_await find_stage2(io, options.stage2, ready.tree->work_folder());
  check_stage2(ready.plan, ready.stage2.makes);
  check_sources(ready);
  co_await find_used_blocks(io, ready.plan, ready.stage2.root);
  if (!checks_only(options)) co_await tell_of_initrds(io, ready);  // which takes its time, and is for nodes
  const Survey found = survey_of(ready.plan, ready.tree->root(), ready.tree->apart());
  add_survey(ready.plan, found);
  if (const std::size_t size = wire::to_json(ready.plan.manifest).size(); size > wire::largest_manifest)
    throw Error("describe this machine to the nodes",
                "sockets, flags (lsattr) and project ids of its files take " + format_size(size) + ", more than the " +
                    format_size(wire::largest_manifest) +
                    " that a node takes; -x leaves out directories of such files");
  co_return ready;
}

std::string text_of(const Prepared& ready) {
  return plan_text(ready.plan, ready.input) + "+ Stage2 : " + ready.stage2.from + ", " +
         format_size(ready.stage2.size) + "\n+ To send : about " + format_size(ready.plan.expected) + "\n";
}

void write_results(const Report& report, Output& output) {
  output.write_for_sure(result_table(report.result.nodes, report.wanted) + degraded_text(report.result.nodes) +
                        identity_text(report.result.nodes));
  for (const std::string& warning : report.result.warnings) output.write_for_sure("! " + escape_bytes(warning) + "\n");
}

namespace {

Awaitable<void> clone(asio::io_context& io, const CloneOptions& options, Output& output, Report& report,
                      ReportFile& file) {
  Prepared ready = co_await prepare(io, options);
  note_level(ready.level, report);
  const std::string text = text_of(ready) + "+ " + level_text(ready.level) + "\n";
  output.write_for_sure(text);
  const std::vector<std::string_view> lines = split(trim(text), '\n');
  ready.watch->plan({lines.begin(), lines.end()}, plan_tree(ready.plan.manifest.storage));
  co_await serve(io, options, ready, output, report, file);
  report.result.warnings.insert(report.result.warnings.begin(), ready.plan.warnings.begin(), ready.plan.warnings.end());
}

// Without -n, whoever types the name of the program learns what it would do, and nothing happens.
const char* only_checked(const CloneOptions& options) {
  if (options.check) return "This machine can be cloned. Nothing was sent (--check).\n";
  return "This machine can be cloned. Nothing was sent: with -n N before the same options, ka-server waits for N "
         "machines\n"
         "that boot the label kamethod, and clones onto them; with --pxe they need no other boot server than it.\n"
         "ka-server --help has all options.\n";
}

int run_check(const CloneOptions& options, Output& output, ReportFile& file, asio::io_context& io) {
  auto check = [&]() -> Awaitable<void> {
    Prepared ready = co_await prepare(io, options);
    output.write_for_sure(text_of(ready) + only_checked(options));
    file.write(check_json(options, ready));
  };
  try {
    run_task(io, check());
  } catch (const std::exception& error) {
    file.write(check_json(options, error));
    throw;
  }
  return 0;
}

}  // namespace

int run_clone(const CloneOptions& options) {
  const bool secret = options.luks_keys == std::vector<std::string>{"generate"};
  ReportFile file(options.json, secret);
  asio::io_context io;
  // Events on standard output are for a program: people read the other stream.
  Output output(io, options.events == "-" ? STDERR_FILENO : STDOUT_FILENO);
  reap_children(io);
  if (checks_only(options)) return run_check(options, output, file, io);
  Report report;
  report.session = options.session;
  report.wanted = options.nodes;
  run_reported(io, clone(io, options, output, report, file), report, file);
  write_results(report, output);
  return exit_status(report);
}

}  // namespace ka::server
