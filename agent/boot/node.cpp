#include "agent/boot/node.h"

#include <cstdio>
#include <ctime>

#include "agent/boot/server_lookup.h"
#include "agent/boot/signed_start.h"
#include "agent/boot/squashfs.h"
#include "agent/clone/clone_thread.h"
#include "agent/storage/disks.h"
#include "agent/storage/storage_doubts.h"
#include "base/error.h"
#include "base/files.h"
#include "base/random.h"

namespace ka::agent {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// Time for what the kernel has found to be told of; and for disks that a controller finds after its driver's load.
constexpr auto quiet_time = 200ms;
constexpr auto quiet_time_for_late_disks = 1s;
constexpr auto longest_driver_time = 60s;
// Disks of a large SAS shelf spin up one after the other.
constexpr auto longest_disk_time = 30s;

// "10.0.1.35-20071024-10h32", as the KA method names its logs.
std::string log_name(const asio::ip::address_v4& address) {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char date[32];
  std::strftime(date, sizeof date, "%Y%m%d-%Hh%M", &parts);
  return address.to_string() + "-" + date;
}

bool has_a_disk() { return !read_disks("/sys", "/proc").empty(); }

}  // namespace

Node::Node(asio::io_context& io, ConsoleLog& log, const BootOptions& options)
    : io_(io),
      log_(log),
      options_(options),
      started_(Clock::now()),
      machine_(io),
      drivers_(io, log),
      network_(io, log, options.network),
      stage2_(machine_, log, drivers_),
      person_(io, log) {}

std::string Node::uptime() const {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f s", std::chrono::duration<double>(Clock::now() - started_).count());
  return text;
}

// Best effort: the reason goes to the console whether or not the server hears it.
Awaitable<void> Node::tell(ServerLink& link, std::string reason) {
  try {
    co_await link.failed(std::move(reason));
  } catch (const std::exception& error) {
    log_.line(std::string("The KA server was not told: ") + error.what());
  }
}

Awaitable<Node::End> Node::run() {
  for (const std::string& word : options_.warnings) log_.line("Kernel command line: " + word);
  std::string errors;
  for (const std::string& word : options_.errors) errors += (errors.empty() ? "" : "; ") + word;
  if (!errors.empty()) throw Error("read the kernel command line", errors);

  for (const wire::PublicKey& key : options_.server_keys)
    log_.line("Level pinned: this machine believes the server whose key is " + wire::fingerprint(key));
  if (options_.server_keys.empty()) log_.line("Level open: this machine knows no key, and believes any server");
  co_await get_onto_the_network();
  const std::string own_mark = options_.token.empty() ? "" : random_token();
  for (;;) {
    auto link = co_await find_server(io_, log_, options_, own_mark, network_);
    std::string reason;
    try {
      if (options_.shell) {
        co_await receive_stage2(*link);
        co_await tell(*link, "kashell: this machine gives a shell, and is not cloned");
        co_return End::shell;
      }
      co_await be_cloned(*link);
      co_return End::cloned;
    } catch (const ServerLost& lost) {
      log_.line(std::string("The KA server is lost: ") + lost.what());
      continue;
    } catch (const std::exception& failure) {
      reason = failure.what();
    }
    co_await tell(*link, reason);
    throw Error(reason);
  }
}

Awaitable<void> Node::get_onto_the_network() {
  co_await mount_drivers();
  const SignedStart start = co_await signed_start_of_this_machine(machine_, drivers_);
  log_.line(text_of(start));
  if (start.verified && !options_.server_keys.empty())
    log_.line("Level verified: the key came in an image that this machine's firmware has verified");
  network_.start();
  try {
    co_await network_.wait_until_up();
  } catch (const Error&) {
    for (const UndrivenDevice& device : drivers_.undriven()) log_.line("No driver for " + device.text());
    throw;
  }
  log_.line("The network is up (" + uptime() + " after the start)");
  serve_log();
}

// all.rdz keeps them packed (initramfs/mkinitramfs); what mounts them lies in front of them, in the same place.
Awaitable<void> Node::mount_drivers() {
  drivers_.add_modules("");
  try {
    co_await mount_squashfs(machine_, drivers_, "/lib.sqfs", "/lib");
  } catch (const Error& error) {
    throw in_context("mount the drivers of all.rdz", error);
  }
  drivers_.use_modules_of("");
}

FailedMachine Node::as_failed(std::string reason) const {
  FailedMachine machine;
  machine.reason = std::move(reason);
  machine.serial_number = serial_number();
  if (const std::vector<Network::Up> up = network_.up(); !up.empty()) {
    const Lease& lease = up.front().lease;
    machine.name = lease.host_name.empty() ? lease.address.to_string() : lease.host_name;
    machine.hardware_address = up.front().link.address.text();
  } else if (options_.network.boot_interface) {
    machine.hardware_address = options_.network.boot_interface->text();
  }
  return machine;
}

void Node::blink_for(unsigned seconds) const {
  if (const std::vector<Network::Up> up = network_.up(); !up.empty()) blink(up.front().link.name, seconds);
}

void Node::serve_log() {
  log_.rename_file("/tmp/ka_log-" + log_name(network_.up().front().lease.address));
  try {
    House house;
    house.keys = options_.server_keys;
    house.place = [this] {
      const std::string why_not =
          "there is nothing to run yet: this node has its programs from stage2, which ka-server "
          "has not sent";
      return House::Place{Stage2::root, stage2_.mounted() ? "" : why_not};
    };
    house.note = [this](const std::string& line) { log_.line(line); };
    log_server_.emplace(io_, log_.file(), wire::log_port, std::move(house));
    log_.on_line([this] { log_server_->notify(); });
  } catch (const Error& error) {
    log_.line(error.what());  // a clone is worth more than its log
  }
}

Awaitable<void> Node::be_cloned(ServerLink& link) {
  for (;;) {
    try {
      co_await clone_once(link);
      break;
    } catch (const PutOut& put_out) {
      log_.line(std::string("Put out of this round: ") + put_out.what() + "; waiting for the next one");
    }
  }
  log_.line("This machine is cloned (" + uptime() + " after the start), waiting for its release");
  try {
    co_await link.done();
  } catch (const ServerLost& lost) {
    // The disk is whole; only the operator's table does not know.
    log_.line(std::string("The KA server went away before it released this machine: ") + lost.what());
  }
}

Awaitable<void> Node::receive_stage2(ServerLink& link) {
  while (!stage2_.mounted()) {
    try {
      co_await stage2_.receive(link, options_.session);
    } catch (const PutOut& put_out) {
      log_.line(std::string("Put out of this round: ") + put_out.what() + "; waiting for the next one");
      continue;
    }
    log_.line("Stage2 is there (" + uptime() + " after the start)");
    use_drivers_of_stage2();
  }
}

Awaitable<void> Node::clone_once(ServerLink& link) {
  co_await receive_stage2(link);
  const std::vector<Network::Up> up = network_.up();
  CloneSettings settings;
  settings.stage2_root = Stage2::root;
  settings.host_name = up.empty() ? "" : up.front().lease.host_name;
  settings.hardware_address = up.empty() ? "" : up.front().link.address.text();
  settings.log_file = log_.file();
  settings.booted_by_network = options_.network.boot_interface.has_value();
  settings.target_rules = options_.target_rules;
  auto load_module = [this](std::string name) { return drivers_.load({std::move(name)}); };
  CloneContext context{
      std::move(settings), io_, machine_, log_, link, person_, load_module, [this] { return settle_drivers(); }, {}};
  co_await clone_beside(std::move(context));
}

void Node::use_drivers_of_stage2() {
  try {
    write_attribute("/sys/module/firmware_class/parameters/path", std::string(Stage2::root) + "/lib/firmware");
  } catch (const Error& error) {
    log_.line(std::string("Firmware of stage2 is not used: ") + error.what());
  }
  drivers_.use_modules_of(Stage2::root);
}

Awaitable<SettledDrivers> Node::settle_drivers() {
  bool settled = co_await drivers_.settle(quiet_time, longest_driver_time);
  if (drivers_.disks_may_come_late())
    settled = co_await drivers_.settle(quiet_time_for_late_disks, longest_driver_time);
  for (const UndrivenDevice& device : drivers_.undriven()) log_.line("No driver for " + device.text());
  co_await wait_for_a_disk();
  SettledDrivers state;
  state.in_use = drivers_.in_use();
  auto drives_storage = [this](std::string_view modalias) { return drivers_.drive_storage(modalias); };
  state.doubts = storage_doubts("/sys", drives_storage);
  if (!settled)
    state.doubts.push_back("drivers are still being loaded (" + drivers_.loading() + ") or devices still appear");
  co_return state;
}

Awaitable<void> Node::wait_for_a_disk() {
  const auto end = Clock::now() + longest_disk_time;
  if (!has_a_disk()) log_.line("No disk yet, waiting for one");
  asio::steady_timer pause(io_);
  while (!has_a_disk()) {
    if (Clock::now() >= end) co_return log_.line("This machine shows no disk");  // what that means, the clone says
    pause.expires_after(100ms);
    co_await pause.async_wait(asio::use_awaitable);
  }
}

}  // namespace ka::agent
