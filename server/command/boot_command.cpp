#include "server/command/boot_command.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <memory>

#include "base/error.h"
#include "base/files.h"
#include "base/output.h"
#include "base/process.h"
#include "base/service_manager.h"
#include "base/text.h"
#include "server/boot/boot_side.h"
#include "server/boot/pxelinux_dir.h"
#include "server/command/job_follower.h"
#include "server/command/run_job.h"
#include "server/command/run_task.h"
#include "server/golden/programs.h"
#include "server/http/fetch.h"
#include "server/options/option_table.h"
#include "server/options/options.h"
#include "server/pxe/pxe_config.h"
#include "server/view/follow.h"
#include "server/view/status_json.h"

namespace ka::server {

namespace {

using asio::ip::tcp;

// A document comes every two seconds at least.
constexpr auto patience = std::chrono::seconds(10);
constexpr auto look_again = std::chrono::seconds(1);

struct BootCommand {
  std::string host, interface, kakey, dhcp, only, pxe_values, pxelinux_dir, uki, conf;
  std::uint16_t boot_port = wire::boot_port;
  unsigned tries = CloneOptions().tries;
  bool open = false, once = false;
};

/// Where the job is, in numbers: nodes are told so on their kernel's command line, and have no names.
struct Golden {
  asio::ip::address_v4 address;
  std::uint16_t port = 0;

  std::string url() const { return job_url(address.to_string() + ":" + std::to_string(port), follow_path); }
};

Golden golden_at(asio::io_context& io, const std::string& place) {
  const JobPlace found = job_place(place);
  boost::system::error_code unknown;
  tcp::resolver resolver(io);
  const auto places = resolver.resolve(tcp::v4(), found.host, std::to_string(found.port), unknown);
  if (unknown || places.empty()) throw Error(found.host, "no IPv4 address of it is known: " + unknown.message());
  Golden golden{places.begin()->endpoint().address().to_v4(), found.port};
  if (golden.address.is_loopback())
    throw UsageError(place,
                     "is this machine itself, and nodes are to find it: give its address on their network, or "
                     "start ka-server there with --pxe");
  return golden;
}

BootOptions boot_options(const BootCommand& command, const Golden& golden) {
  if (parse_address(command.interface))
    throw UsageError("--interface", "its name is needed, not its address " + command.interface);
  BootOptions boot;
  boot.interface = command.interface;
  boot.values_file = command.pxe_values;
  boot.http_port = command.boot_port;
  boot.golden = golden.address;
  boot.control_port = golden.port;
  boot.tries = command.tries;
  boot.kakey = command.kakey;
  if (!command.only.empty()) boot.only = read_only(command.only);
  boot.dhcp = command.dhcp;
  boot.uki = command.uki;
  return boot;
}

// What the network says of the job's key is no proof of it.
void check_level(const BootCommand& command) {
  if (!command.kakey.empty()) wire::parse_public_keys(command.kakey);
  const bool known = !command.kakey.empty() || !read_pxe_values(command.pxe_values).kakey.empty();
  if (known && command.open) throw UsageError("--open", "contradicts --kakey");
  if (!known && !command.open)
    throw UsageError(
        "--kakey KEY",
        "is needed, which ka-server key shows on the golden node: what machines that boot from here are to "
        "know their server by; or --open, where it was started with that");
}

Awaitable<std::unique_ptr<NextBoot>> make_boot(asio::io_context& io, const BootCommand& command, const Golden& golden,
                                               std::vector<std::string>& hints) {
  if (!command.pxelinux_dir.empty()) {
    if (!command.dhcp.empty() || !command.pxe_values.empty() || !command.uki.empty())
      throw UsageError("--pxelinux-dir",
                       "another server answers machines there: --dhcp, --pxe-values and --uki are its own");
    PxelinuxOptions there{command.pxelinux_dir, std::nullopt, command.tries};
    if (!command.only.empty()) there.only = read_only(command.only);
    co_return std::make_unique<PxelinuxDir>(there);
  }
  if (::geteuid() != 0) throw Error("ka-server boot must be run as root: it answers DHCP");
  check_level(command);
  auto boot = std::make_unique<BootSide>(io, boot_options(command, golden));
  hints = co_await boot->check();
  co_return boot;
}

// What the service manager hears, as long as the loop runs.
Awaitable<void> tell_manager(asio::io_context& io, const ServiceManager& manager, const JobFollower& follower) {
  asio::steady_timer timer(io);
  const auto half = manager.watchdog().value_or(std::chrono::seconds(2)) / 2;
  for (std::string lines = "READY=1\n";; lines.clear()) {
    manager.tell(lines + "WATCHDOG=1\nSTATUS=" + printable(follower.status()) + "\n");
    timer.expires_after(std::min<std::chrono::microseconds>(half, std::chrono::seconds(1)));
    co_await timer.async_wait(asio::use_awaitable);
  }
}

// Until the job has ended, if it is to be one; else for ever.
Awaitable<void> follow(asio::io_context& io, std::string url, bool once, JobFollower& follower) {
  asio::steady_timer timer(io);
  const std::function<void(const std::string&)> document = [&](const std::string& line) {
    follower.heard(parse_status(line));
  };
  for (;;) {
    std::string why = "The job's ka-server has ended";
    try {
      co_await fetch_lines(io, url, patience, document);
    } catch (const std::exception& error) {
      why = words_of(error);
    }
    if ((co_await asio::this_coro::cancellation_state).cancelled() != asio::cancellation_type::none) co_return;
    if (once && follower.ended()) co_return;
    follower.lost(why);
    timer.expires_after(look_again);
    co_await timer.async_wait(asio::use_awaitable);
  }
}

Awaitable<void> until_signal(asio::signal_set& signals) {
  co_await signals.async_wait(asio::as_tuple(asio::use_awaitable));
}

Awaitable<void> serve_boot(asio::io_context& io, const BootCommand& command, Output& output, int& status) {
  const Golden golden = golden_at(io, command.host);
  std::vector<std::string> hints;
  const std::unique_ptr<NextBoot> boot = co_await make_boot(io, command, golden, hints);
  for (const std::string& hint : hints) output.write_for_sure("! " + hint + "\n");
  const NextBoot::Say say = [&output](const std::string& line) {
    output.write(time_of_day() + escape_bytes(line) + "\n");
  };
  JobFollower follower(*boot, say);
  asio::signal_set signals(io, SIGINT, SIGTERM, SIGHUP);
  co_await boot->start(say);
  boot->listens();
  const ServiceManager manager;
  using namespace asio::experimental::awaitable_operators;
  co_await (until_signal(signals) || follow(io, golden.url(), command.once, follower) ||
            tell_manager(io, manager, follower));
  manager.tell("STOPPING=1\n");
  boot->end();
  status = command.once && follower.ended() && follower.result() != "done" ? 1 : 0;
}

int run_boot(CLI::App& app, BootCommand& command) {
  const std::string file = command.conf.empty() ? default_boot_conf : command.conf;
  if (!command.conf.empty() || ::access(file.c_str(), F_OK) == 0) apply_conf(app, read_file(file), file);
  if (command.host.empty())
    throw UsageError("HOST",
                     "where the golden node's ka-server runs is needed: ka-server boot 10.0.1.1, or a line "
                     "host = 10.0.1.1 in " +
                         file);
  extend_path();
  asio::io_context io;
  Output output(io, STDOUT_FILENO);
  reap_children(io);
  int status = 1;
  run_task(io, serve_boot(io, command, output, status));
  return status;
}

}  // namespace

void add_boot_command(CLI::App& app, std::function<int()>& chosen) {
  auto command = std::make_shared<BootCommand>();
  CLI::App* boot =
      app.add_subcommand("boot", "Answer machines that boot by PXE for a job that runs on another machine");
  add_help_and_version(*boot);
  OptionTable table(*boot);
  table.text("HOST,--host", command->host, "HOST[:PORT]", "Where the golden node's ka-server runs, or will run");
  table.text("--config", command->conf, "FILE", "Read FILE instead of " + std::string(default_boot_conf))
      ->configurable(false);
  table.text("-i,--interface", command->interface, "NAME",
             "Interface that nodes are on; without it, the one with the default route");
  table.text("--kakey", command->kakey, "KEY[,KEY]",
             "Public keys of the golden node: those who boot let nobody else clone them");
  table.flag("--open", command->open, "Those who boot know no key, and let any server clone them");
  table.text("--dhcp", command->dhcp, "FIRST,LAST",
             "Give addresses, too, out of this range; refused where a DHCP server answers");
  table.text("--only", command->only, "FILE", "Which machines are answered: hardware addresses, as in --racks");
  table.text("--pxe-values", command->pxe_values, "FILE", "Values, as ka-server pxe-config has them: NAME = VALUE");
  table.text("--pxelinux-dir", command->pxelinux_dir, "DIR",
             "Answer nobody: keep a file for each machine in another boot server's tree");
  table.text("--uki", command->uki, "FILE",
             "A signed image of make uki: boot file of UEFI machines in place of shim and GRUB");
  table.number("--boot-port", command->boot_port, 1, 65535, "Boot files by HTTP (TCP)");
  table.number("--tries", command->tries, 1, 1000,
               "A machine that has failed this often is shown why when it boots again, and waits");
  table.flag("--once", command->once, "End with the job");
  boot->callback([boot, command, &chosen] { chosen = [boot, command] { return run_boot(*boot, *command); }; });
}

}  // namespace ka::server
