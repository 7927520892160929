#include "server/boot/boot_needs.h"

#include "base/error.h"
#include "base/files.h"
#include "base/process.h"
#include "base/text.h"
#include "server/boot/firewall.h"
#include "server/boot/ports.h"
#include "server/golden/programs.h"
#include "server/probe/dhcp_offers.h"

namespace ka::server {

namespace {

constexpr std::uint16_t dhcp_port = 67, tftp_port = 69, proxy_port = 4011;
constexpr const char* doing = "answer machines that boot by PXE";

struct Capability {
  unsigned bit;  // of linux/capability.h
  const char *name, *needed_by;
};
constexpr Capability capabilities[] = {
    {6, "CAP_SETGID", "dnsmasq, to give up root"},
    {7, "CAP_SETUID", "dnsmasq, to give up root"},
    {10, "CAP_NET_BIND_SERVICE", "dnsmasq, for UDP ports 67 and 69"},
    {12, "CAP_NET_ADMIN", "dnsmasq, for answers to machines that have no address yet"},
    {13, "CAP_NET_RAW", "dnsmasq, to see whether an address is in use, and ka-server, to ask for DHCP servers"},
    {21, "CAP_SYS_ADMIN", "unshare, for a PID namespace that ends with ka-server"},
};

void check_capabilities() {
  const std::vector<std::string> missing = missing_capabilities(read_file("/proc/self/status"));
  if (!missing.empty()) throw Error(doing, "this process lacks rights, as in a container: " + joined(missing, "; "));
}

// The DHCP server of this machine itself may share its port with dnsmasq as proxyDHCP: broadcasts reach both.
void check_ports(const BootNeeds& needs, std::vector<std::string>& hints) {
  std::vector<ServerPort> ports = {{ServerPort::udp, dhcp_port, "DHCP"}, {ServerPort::udp, tftp_port, "TFTP"}};
  if (!needs.gives_addresses) ports.push_back({ServerPort::udp, proxy_port, "proxyDHCP"});
  ports.push_back({ServerPort::tcp, needs.http_port, "boot files by HTTP, --boot-port"});
  for (const ServerPort& port : ports) {
    const std::string who = who_has(port, needs.interface, needs.server);
    if (who.empty()) continue;
    if (port.number == dhcp_port && port.protocol == ServerPort::udp && !needs.gives_addresses)
      hints.push_back("A DHCP server runs on this machine, too: " + who + ". It must not answer PXE itself");
    else
      throw Error(doing, port.text() + " on " + needs.interface + " is taken by " + who);
  }
}

Awaitable<void> look_at_firewall(asio::io_context& io, const BootNeeds& needs, std::vector<std::string>& hints) {
  FirewallNeeds wanted;
  wanted.interface = needs.interface;
  wanted.udp = {dhcp_port, tftp_port};
  if (!needs.gives_addresses) wanted.udp.push_back(proxy_port);
  wanted.tcp = {needs.http_port};
  if (needs.control_port != 0) wanted.udp.push_back(needs.control_port);
  for (const std::uint16_t port : {needs.control_port, needs.data_port})
    if (port != 0) wanted.tcp.push_back(port);
  if (read_file_if_any("/proc/thread-self/net/ip_tables_names").value_or("").find("filter") != std::string::npos)
    hints.push_back("Rules of iptables (legacy) are not looked into. If nobody comes: iptables -I INPUT -i " +
                    needs.interface + " -j ACCEPT");
  if (!has_program("nft")) co_return;
  std::string rules;
  try {
    const Command list({"nft", "list", "ruleset"});
    rules = co_await output_of(io, list);
  } catch (const Error& error) {
    hints.push_back(std::string("The firewall could not be looked at: ") + error.what());
    co_return;
  }
  const FirewallVerdict verdict = judge_firewall(rules, wanted);
  if (!verdict.shut.empty()) throw Error("the firewall of this machine keeps nodes out", joined(verdict.shut, "; "));
  hints.insert(hints.end(), verdict.unclear.begin(), verdict.unclear.end());
}

// By this machine's own hardware address, which a switch lets through, and by one that no server knows.
Awaitable<void> ask_for_other_servers(asio::io_context& io, const BootNeeds& needs) {
  const EthernetLink link = ethernet_link(needs.interface);
  std::vector<dhcp::Question> questions(2);
  questions[0].mac = link.address;
  questions[1].mac = made_up_address();
  const std::vector<DhcpOffer> offers = co_await dhcp_offers(io, link, std::move(questions), 1);
  if (offers.empty()) co_return;
  const DhcpOffer& offer = offers.front();
  throw Error("--dhcp",
              "the DHCP server " + offer.server().to_string() + " answers on " + needs.interface +
                  " already (it offers " + offer.answer.address.to_string() +
                  "), and two would give machines the same addresses: leave out --dhcp, --pxe works beside it");
}

}  // namespace

std::vector<std::string> missing_capabilities(std::string_view status) {
  std::vector<std::string> missing;
  for (const std::string_view line : split(status, '\n')) {
    const std::vector<std::string_view> fields = words(line);
    if (fields.size() != 2 || fields[0] != "CapEff:") continue;
    const std::uint64_t effective = parse_unsigned(fields[1], 16).value_or(0);
    for (const Capability& capability : capabilities)
      if ((effective >> capability.bit & 1) == 0)
        missing.push_back(std::string(capability.name) + " (" + capability.needed_by + ")");
  }
  return missing;
}

Awaitable<std::vector<std::string>> check_boot_needs(asio::io_context& io, const BootNeeds& needs) {
  std::vector<std::string> hints;
  check_capabilities();
  check_ports(needs, hints);
  co_await look_at_firewall(io, needs, hints);
  if (needs.gives_addresses) co_await ask_for_other_servers(io, needs);
  co_return hints;
}

}  // namespace ka::server
