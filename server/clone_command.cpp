#include "server/clone_command.h"

#include <ifaddrs.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

#include "base/error.h"
#include "base/files.h"
#include "base/process.h"
#include "base/text.h"
#include "server/plan_input.h"
#include "server/programs.h"
#include "server/run_job.h"
#include "server/serve.h"
#include "server/status_table.h"

namespace ka::server {

namespace {

constexpr int exit_done = 0, exit_failed = 1, exit_interrupted = 130;

void print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

asio::ip::address_v4 address_of(const std::string& interface) {
  if (interface.empty()) return asio::ip::address_v4::any();
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) throw Error::from_errno("read the network interfaces");
  std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> guard(list, ::freeifaddrs);
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || entry->ifa_addr->sa_family != AF_INET || interface != entry->ifa_name) continue;
    auto address = reinterpret_cast<const sockaddr_in*>(entry->ifa_addr)->sin_addr.s_addr;
    return asio::ip::address_v4(ntohl(address));
  }
  throw Error("interface " + interface, "is not there, or has no IPv4 address");
}

// Asked for before anyone waits; the job opens them again.
void check_ports(asio::io_context& io, asio::ip::address_v4 listen, const CloneOptions& options) {
  if (options.control_port == options.data_port)
    throw Error("ports", "control and data cannot both be " + std::to_string(options.control_port));
  for (std::uint16_t port : {options.control_port, options.data_port}) {
    try {
      asio::ip::tcp::acceptor(io, asio::ip::tcp::endpoint(listen, port));
    } catch (const boost::system::system_error& error) {
      throw Error("listen on TCP port " + std::to_string(port),
                  error.code().message() + "; is another ka-server running? --control-port and --data-port change it");
    }
  }
}

void check_report_place(const std::string& file) {
  if (file.empty()) return;
  std::size_t slash = file.rfind('/');
  std::string folder = slash == std::string::npos ? "." : slash == 0 ? "/" : file.substr(0, slash);
  if (::access(folder.c_str(), W_OK | X_OK) != 0) throw Error::from_errno("--json: write into " + folder);
}

std::vector<std::string> mount_points(const wire::Manifest& manifest) {
  std::vector<std::string> points;
  for (const wire::FileSystem& fs : manifest.file_systems) {
    if (!fs.mount_point.empty()) points.push_back(fs.mount_point);
  }
  return points;
}

// All that this run needs of the machine's own programs.
std::vector<std::string> programs_for(const CloneOptions& options) {
  std::vector<std::string> programs = {"sfdisk", "blkid", "dumpe2fs", "tar"};
  if (options.compression != "off" && options.compression != "auto") programs.emplace_back("zstd");
  if (packs_stage2(options.stage2)) programs.emplace_back("mksquashfs");
  return programs;
}

Awaitable<Prepared> prepare(asio::io_context& io, const CloneOptions& options) {
  if (::geteuid() != 0) throw Error("ka-server", "must be run as root: it reads every file and every disk");
  check_report_place(options.json);
  extend_path();
  require_programs(programs_for(options));
  Prepared ready;
  ready.input = read_input(options);
  ready.racks = read_racks(options.racks);
  ready.listen = address_of(options.interface);
  check_ports(io, ready.listen, options);
  std::vector<std::string> drives;
  for (const auto& [drive, desc] : ready.input.descs) drives.push_back(drive);
  Golden golden = co_await inspect(io, drives);
  ready.plan = make_plan(golden, ready.input);
  co_await check_tar(io);
  std::vector<std::string> points = mount_points(ready.plan.manifest);
  ready.tree = std::make_unique<GoldenTree>(points);
  ready.stage2 = co_await find_stage2(io, options.stage2, ready.tree->work_folder());
  add_survey(ready.plan, survey(ready.tree->root(), points, ready.plan.excluded));
  co_return ready;
}

Awaitable<int> clone(asio::io_context& io, const CloneOptions& options, Report& report) {
  Prepared ready = co_await prepare(io, options);
  print(plan_text(ready.plan, ready.input));
  print("+ Stage2 : " + ready.stage2.from + ", " + format_size(ready.stage2.size) + "\n" + "+ To send : about " +
        format_size(ready.plan.expected) + "\n");
  if (options.check) {
    print("This machine can be cloned. Nothing was sent (--check).\n");
    co_return exit_done;
  }
  co_await serve(io, options, ready, report);
  report.error.clear();  // it did not end by a signal
  report.result.warnings.insert(report.result.warnings.begin(), ready.plan.warnings.begin(), ready.plan.warnings.end());
  print(result_table(report.result.nodes, options.nodes));
  for (const std::string& warning : report.result.warnings) print("! " + escape_bytes(warning) + "\n");
  co_return succeeded(report) ? exit_done : report.result.interrupted ? exit_interrupted : exit_failed;
}

}  // namespace

int run_clone(const CloneOptions& options) {
  asio::io_context io;
  reap_children(io);
  Report report;
  report.session = options.session;
  report.wanted = options.nodes;
  auto begin = std::chrono::steady_clock::now();
  std::exception_ptr failure;
  // What stands here if a second signal stops everything.
  int status = exit_interrupted;
  report.error = "ended at once by a signal";
  report.result.interrupted = true;
  auto ended = [&](std::exception_ptr error, int result) {
    failure = error;
    status = failure ? exit_failed : result;
    report.error.clear();
    if (failure) report.result.interrupted = false;
    io.stop();
  };
  asio::co_spawn(io, clone(io, options, report), ended);
  io.run();

  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  if (failure) {
    try {
      std::rethrow_exception(failure);
    } catch (const std::exception& error) {
      report.error = error.what();
    }
  }
  if (!options.json.empty() && !options.check) write_file(options.json, report_json(report));
  if (failure) std::rethrow_exception(failure);
  return status;
}

}  // namespace ka::server
