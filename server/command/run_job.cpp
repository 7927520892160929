#include "server/command/run_job.h"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <csignal>
#include <memory>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "server/job/observers.h"
#include "server/job/service_notice.h"
#include "server/options/web_address.h"
#include "server/pxe/pxe_values.h"

namespace ka::server {

namespace {

// `over`: the job has ended, and only those who watch are still told.
Awaitable<void> watch_signals(asio::io_context& io, asio::signal_set& signals, Job& job, Display& display, Watch& watch,
                              const bool& over) {
  for (bool first = true;; first = false) {
    auto [error, number] = co_await signals.async_wait(asio::as_tuple(asio::use_awaitable));
    (void)number;
    if (error) co_return;
    if (!first) {
      io.stop();
      continue;
    }
    if (over) {
      watch.hurry();
      continue;
    }
    display.event("Ending the round in an orderly way: the nodes are told. Once more ends it at once");
    job.stop();
  }
}

// Without it the job has nothing to send. Does not return.
Awaitable<void> watch_keeper(asio::io_context& io, const Keeper& keeper, Job& job, Display& display, std::string& lost,
                             const bool& over) {
  const std::string why = co_await keeper.lost();
  if (!over) {
    lost = why;
    display.event("Ending the job: " + why);
    job.stop();
  }
  asio::steady_timer never(io, asio::steady_timer::time_point::max());
  co_await never.async_wait(asio::as_tuple(asio::use_awaitable));
}

// The journal finds new sockets below its folder when it is started anew.
void seclude(const Keeper& keeper, Display& display) {
  const std::vector<std::string> lacking = keeper.seclude({"/run/systemd/journal"});
  if (!lacking.empty()) display.event("The process that has the network: " + joined(lacking, "; "));
}

std::string words_of(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& error) {
    return ka::words_of(error);
  }
}

wire::Racks read_racks(const std::string& file) {
  constexpr std::size_t largest = 1 << 20;
  return wire::Racks::parse(read_file(file, largest), file);
}

// An interface's name, or an address of this machine.
asio::ip::address_v4 address_of(const std::string& interface) {
  boost::system::error_code no_address;
  const auto given = asio::ip::make_address_v4(interface, no_address);
  if (interface.empty() || (!no_address && given.is_unspecified())) return asio::ip::address_v4::any();
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) throw Error::from_errno("read the network interfaces");
  std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> guard(list, ::freeifaddrs);
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || entry->ifa_addr->sa_family != AF_INET) continue;
    const asio::ip::address_v4 address(ntohl(reinterpret_cast<const sockaddr_in*>(entry->ifa_addr)->sin_addr.s_addr));
    if (no_address ? interface == entry->ifa_name : address == given) return address;
  }
  if (!no_address) throw Error("--interface " + interface, "this machine does not have that address");
  throw Error("--interface " + interface, "there is no such interface, or it has no IPv4 address");
}

// As pxe-config finds a boot server's; where it would have to be told, the first one that others may reach.
asio::ip::address_v4 reached_at(asio::ip::address_v4 listen) {
  if (!listen.is_unspecified()) return listen;
  try {
    if (const std::optional<NetworkFacts> facts = network_facts("")) return facts->address;
  } catch (const Error&) {
    for (const Address& address : own_addresses())
      if (!address.is_loopback()) return address;
  }
  return asio::ip::address_v4::loopback();
}

// The job opens them again.
void check_ports(asio::io_context& io, const JobPlan& plan) {
  for (std::uint16_t port : {plan.control_port, plan.data_port}) {
    try {
      asio::ip::tcp::acceptor(io, asio::ip::tcp::endpoint(plan.listen, port));
    } catch (const boost::system::system_error& error) {
      const std::string why = error.code() == asio::error::address_in_use
                                  ? "it is taken: does another ka-server run here?"
                                  : ka::words_of(error);
      throw Error("listen on TCP port " + std::to_string(port), why + " (--control-port and --data-port change it)");
    }
  }
}

}  // namespace

wire::Racks read_only(const std::string& file) {
  wire::Racks only = read_racks(file);
  if (only.empty()) throw Error("--only " + file, "names no machine, so nobody could come");
  return only;
}

JobPlan job_plan(asio::io_context& io, const JobOptions& options) {
  if (options.control_port == options.data_port)
    throw UsageError("--control-port and --data-port", "cannot both be " + std::to_string(options.control_port));
  JobPlan plan;
  plan.nodes = options.nodes;
  if (options.start_after) plan.start_after = std::chrono::seconds(*options.start_after);
  if (options.linger) plan.linger = std::chrono::seconds(*options.linger);
  if (!options.racks.empty()) plan.racks = read_racks(options.racks);
  if (!options.only.empty()) plan.only = read_only(options.only);
  plan.sink_limit = std::chrono::seconds(options.sink_limit);
  plan.encrypted = options.encrypt;
  plan.window = options.window_mib << 20;
  plan.listen = address_of(options.interface);
  plan.control_port = options.control_port;
  plan.data_port = options.data_port;
  check_ports(io, plan);
  return plan;
}

std::unique_ptr<Watch> make_watch(asio::io_context& io, const JobOptions& options, const std::string& name,
                                  asio::ip::address_v4 listen) {
  WatchOptions watch;
  watch.session = name;
  watch.wanted = options.nodes;
  watch.events = options.events;
  watch.on_event = options.on_event;
  if (!options.web.empty()) {
    const WebAddress web = *parse_web_address(options.web);
    watch.web_port = web.port;
    watch.web_address = web.address ? asio::ip::address_v4(*web.address) : listen;
    watch.web_reached = reached_at(watch.web_address);
  }
  return std::make_unique<Watch>(io, watch);
}

Awaitable<void> run_job(asio::io_context& io, JobPlan plan, Display& display, Watch& watch, Report& report,
                        const Keeper& keeper, JobObserver* also) {
  display.knows(plan.sessions);
  watch.knows(plan.sessions);
  Observers observers;
  observers.add(display);
  if (also != nullptr) observers.add(*also);
  watch.begin(observers);
  // Also where little is said: it was asked for. Not to the others: the log is for more people than the link is.
  if (!watch.link().empty()) display.line_here("Whoever has this link can watch: " + watch.link());
  ServiceNotice notice(io, plan.nodes);
  observers.add(notice);
  plan.followers = watch.followers();
  plan.opened = [&] {
    seclude(keeper, display);
    watch.open();
  };
  std::unique_ptr<Job> job = make_job(io, std::move(plan), observers);
  asio::signal_set signals(io, SIGINT, SIGTERM, SIGHUP);
  std::exception_ptr trouble;  // kept: || would wait for the signals instead
  std::string lost;            // why there is no keeper any more
  bool over = false;
  auto run = [&]() -> Awaitable<void> {
    Report told = report;
    told.error.clear();
    try {
      told.result = report.result = co_await job->run();
    } catch (...) {
      trouble = std::current_exception();
      told.result.interrupted = false;
    }
    if (!lost.empty() && !trouble) trouble = std::make_exception_ptr(Error(lost));
    if (!lost.empty()) told.result.interrupted = false;
    if (trouble) told.error = words_of(trouble);
    over = true;
    co_await watch.finish(told);
  };
  using namespace asio::experimental::awaitable_operators;
  co_await (run() || watch_signals(io, signals, *job, display, watch, over) ||
            watch_keeper(io, keeper, *job, display, lost, over));
  if (trouble) std::rethrow_exception(trouble);
}

void run_reported(asio::io_context& io, Awaitable<void> command, Report& report, ReportFile& file) {
  const auto began = std::chrono::steady_clock::now();
  std::exception_ptr failure;
  // What stands here if a second signal stops everything.
  report.error = "ended at once by a signal";
  report.result.interrupted = true;
  auto ended = [&](std::exception_ptr error) {
    failure = error;
    report.error.clear();
    if (failure) report.result.interrupted = false;
    io.stop();
  };
  asio::co_spawn(io, std::move(command), ended);
  io.run();
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  if (failure) report.error = words_of(failure);
  file.write(report_json(report));
  if (failure) std::rethrow_exception(failure);
}

int exit_status(const Report& report) {
  constexpr int done = 0, failed = 1, interrupted = 130;
  return succeeded(report) ? done : report.result.interrupted ? interrupted : failed;
}

}  // namespace ka::server
