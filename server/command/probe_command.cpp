#include "server/command/probe_command.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "base/asio.h"
#include "base/error.h"
#include "base/output.h"
#include "base/text.h"
#include "server/command/run_task.h"
#include "server/options/option_table.h"
#include "server/probe/probe.h"
#include "server/pxe/pxe_values.h"

namespace ka::server {

namespace {

struct ProbeOptions {
  std::string interface, as;
};

constexpr int boots_nodes = 0, does_not = 1, could_not_ask = 2;

dhcp::HardwareAddress address_in(const std::string& text) {
  dhcp::HardwareAddress address;
  const std::vector<std::string_view> octets = split(text, ':');
  for (std::size_t i = 0; i < address.octets.size(); ++i)
    address.octets[i] = static_cast<std::uint8_t>(parse_unsigned(octets[i], 16).value_or(0));
  return address;
}

std::string check_address(const std::string& text) {
  return parse_hardware_address(text) ? "" : "a hardware address is needed, such as 52:54:00:12:34:56, not " + text;
}

int run_probe(const ProbeOptions& options) {
  const std::optional<NetworkFacts> facts = network_facts(options.interface);
  if (!facts)
    throw Error("ask the network", options.interface.empty()
                                       ? "this machine has no network with an IPv4 address"
                                       : "the interface " + options.interface + " has no IPv4 address; give it one");
  asio::io_context io;
  ProbeRequest request;
  request.link = ethernet_link(facts->interface);
  request.own = facts->address;
  if (!options.as.empty()) request.asked = address_in(options.as);
  ProbeResult result;
  auto task = [&]() -> Awaitable<void> { result = co_await probe(io, request); };
  run_task(io, task());
  write_at_the_end(STDOUT_FILENO, text_of(result, facts->interface));
  return result.boots_nodes() ? boots_nodes : does_not;
}

// Unlike for the other commands, "it could not be asked" is not "something is wrong there".
int run_or_say(const ProbeOptions& options) {
  try {
    return run_probe(options);
  } catch (const std::exception& error) {
    write_at_the_end(STDERR_FILENO, "ka-server probe: " + printable(words_of(error)) + "\n");
    return could_not_ask;
  }
}

}  // namespace

void add_probe_command(CLI::App& app, std::function<int()>& chosen) {
  auto options = std::make_shared<ProbeOptions>();
  CLI::App* probe = app.add_subcommand("probe", "Ask a network what machines that boot from it are told");
  add_help_and_version(*probe);
  OptionTable table(*probe);
  table.text("INTERFACE", options->interface, "",
             "Interface that nodes are on; without it, the one with the default route");
  table.text("--as", options->as, "MAC", "Ask as the machine with this hardware address, not as one that nobody knows",
             check_address);
  probe->callback([options, &chosen] { chosen = [options] { return run_or_say(*options); }; });
}

}  // namespace ka::server
