#include "agent/network/network.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>

#include "agent/drivers/missing_firmware.h"
#include "base/error.h"
#include "base/files.h"

namespace ka::agent {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// Spanning tree takes up to 50 s, a switch that starts with the rack a few minutes.
constexpr auto longest_wait = 4min;
constexpr auto between_messages = 10s;

std::string seconds_since(Clock::time_point then) {
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - then).count()) + " s";
}

}  // namespace

Network::Network(asio::io_context& io, Log& log, const NetworkOptions& options)
    : io_(io), log_(log), options_(options), first_lease_(io), started_(Clock::now()) {
  first_lease_.expires_at(Clock::time_point::max());
}

void Network::start() {
  auto change = [this](const Link& link, bool gone) { changed(link, gone); };
  links_ = std::make_unique<Links>(io_, change);
  links_->start();
}

bool Network::meant(const Link& link) const {
  if (!link.ethernet) return false;
  if (options_.boot_interface) return link.address == *options_.boot_interface;
  return options_.interface.empty() || link.name == options_.interface;
}

void Network::changed(const Link& link, bool gone) {
  if (gone) {
    if (interfaces_.erase(link.index) > 0) log_.line("Network interface " + link.name + " is gone");
    return;
  }
  try {
    if (link.name == "lo" && !link.up) return links_->switch_on(link);
    if (!meant(link)) return;
    auto [place, fresh] = interfaces_.try_emplace(link.index);
    Interface& interface = place->second;
    const bool had_carrier = !fresh && interface.link.carrier;
    interface.link = link;
    if (fresh) log_.line("Network interface " + link.name + " " + link.address.text());
    if (!link.up) switch_on(interface);
    if (link.carrier && !had_carrier) carrier(interface);
    if (!link.carrier && had_carrier) log_.line("Network interface " + link.name + " has lost its carrier");
  } catch (const std::exception& error) {
    log_.line("Network interface " + link.name + ": " + error.what());
  }
}

// A driver that finds no firmware says "no such file", and which one it is only to the kernel's log.
void Network::switch_on(Interface& interface) {
  try {
    links_->switch_on(interface.link);
    interface.lacks.clear();
  } catch (const Error& error) {
    interface.lacks = std::string("cannot be switched on: ") + error.what();
    char device[PATH_MAX];
    const std::string link = "/sys/class/net/" + interface.link.name + "/device";
    const std::string_view path = ::realpath(link.c_str(), device) ? device : "";
    for (const MissingFirmware& missing : parse_missing_firmware(read_kernel_log()))
      if (!path.empty() && missing.device == path.substr(path.rfind('/') + 1))
        interface.lacks = "cannot be switched on: " + missing.text();
    log_.line("Network interface " + interface.link.name + " " + interface.lacks);
  }
}

void Network::carrier(Interface& interface) {
  interface.carrier_since = Clock::now();
  const int index = interface.link.index;
  if (options_.static_network) {
    if (interface.lease) return;
    // One address cannot be on two interfaces: the first that has a carrier gets it.
    for (const auto& [other, taken] : interfaces_) {
      if (taken.lease) return;
    }
    Lease lease;
    lease.address = options_.static_network->address;
    lease.prefix = options_.static_network->prefix;
    lease.gateway = options_.static_network->gateway;
    lease.dns = options_.static_network->dns;
    set(index, lease);
  } else if (interface.dhcp) {
    interface.dhcp->carrier_came();
  } else {
    log_.line("Network interface " + interface.link.name + " has a carrier, asking for an address by DHCP");
    DhcpClient::Events events;
    events.bound = [this, index](const Lease& lease) { set(index, lease); };
    events.lost = [this, index] { unset(index); };
    interface.dhcp = std::make_unique<DhcpClient>(io_, log_, interface.link, std::move(events));
  }
}

void Network::set(int index, Lease lease) {
  Interface& interface = interfaces_.at(index);
  if (lease.host_name.empty() && !options_.host_prefix.empty())
    lease.host_name = options_.host_prefix + std::to_string(lease.address.to_uint() & 0xff);
  // A renewal that changes nothing but its times.
  const bool same = interface.lease && interface.lease->address == lease.address &&
                    interface.lease->prefix == lease.prefix && interface.lease->gateway == lease.gateway;
  if (interface.lease && !same) unset(index);
  interface.lease = lease;
  if (same) return;
  interface.order = ++leases_;
  try {
    links_->set(interface.link, lease, interface.order);
    if (interface.order == 1) write_names(lease);
  } catch (const std::exception& error) {
    interface.lease.reset();
    log_.line(error.what());
    return;
  }
  std::string text =
      "Address " + lease.address.to_string() + "/" + std::to_string(lease.prefix) + " on " + interface.link.name;
  if (lease.gateway) text += ", gateway " + lease.gateway->to_string();
  if (!lease.host_name.empty()) text += ", host name " + lease.host_name;
  if (!lease.server.is_unspecified()) text += ", from DHCP server " + lease.server.to_string();
  log_.line(text + " (" + seconds_since(interface.carrier_since) + " after its carrier)");
  first_lease_.cancel();
}

void Network::unset(int index) {
  Interface& interface = interfaces_.at(index);
  if (!interface.lease) return;
  try {
    links_->unset(interface.link, *interface.lease);
  } catch (const std::exception& error) {
    log_.line(error.what());
  }
  interface.lease.reset();
}

void Network::write_names(const Lease& lease) {
  std::string text;
  for (const std::string& domain : lease.domains) text += (text.empty() ? "search " : " ") + domain;
  if (!text.empty()) text += "\n";
  for (const auto& server : lease.dns) text += "nameserver " + server.to_string() + "\n";
  make_directories("/etc");
  write_file("/etc/resolv.conf", text);
  if (lease.host_name.empty()) return;
  if (::sethostname(lease.host_name.data(), std::min<std::size_t>(lease.host_name.size(), 64)) != 0) {
    throw Error::from_errno("set the host name " + lease.host_name);
  }
}

Awaitable<void> Network::wait_until_up() {
  const auto end = Clock::now() + longest_wait;
  asio::steady_timer pause(io_);
  while (up().empty()) {
    const auto now = Clock::now();
    if (now >= end) throw Error("get an address", "none after " + seconds_since(started_) + "; " + state());
    first_lease_.expires_at(std::min(now + between_messages, end));
    auto [error] = co_await first_lease_.async_wait(asio::as_tuple(asio::use_awaitable));
    if (!error && up().empty()) log_.line("Waiting for the network (" + seconds_since(started_) + "): " + state());
  }
}

std::vector<Network::Up> Network::up() const {
  std::vector<std::pair<unsigned, Up>> found;
  for (const auto& [index, interface] : interfaces_) {
    if (!interface.lease) continue;
    Up up;
    up.link = interface.link;
    up.lease = *interface.lease;
    found.emplace_back(interface.order, std::move(up));
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<Up> list;
  for (auto& [order, up] : found) list.push_back(std::move(up));
  return list;
}

std::string Network::state() const {
  std::string text;
  for (const auto& [index, link] : links_->all()) {
    if (!link.ethernet) continue;
    auto found = interfaces_.find(index);
    text += (text.empty() ? "" : ", ") + link.name + " (" + link.address.text() + ") ";
    if (found == interfaces_.end()) {
      text += "is not the one that is asked for";
    } else if (!found->second.lacks.empty()) {
      text += found->second.lacks;
    } else if (!link.carrier) {
      text += "has no carrier";
    } else {
      text += "gets no answer to DHCP for " + seconds_since(found->second.carrier_since);
    }
  }
  if (text.empty()) {
    text = "this machine has no network interface that a driver knows";
    for (const MissingFirmware& missing : parse_missing_firmware(read_kernel_log()))
      text += "; " + missing.device + ": " + missing.text();
    return text;
  }
  if (interfaces_.empty()) {
    text += "; asked for is ";
    text += options_.boot_interface ? "BOOTIF=" + options_.boot_interface->text() : "interface:" + options_.interface;
  }
  return text;
}

}  // namespace ka::agent
