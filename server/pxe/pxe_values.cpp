#include "server/pxe/pxe_values.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "server/pxe/client_architectures.h"
#include "server/pxe/uki.h"
#include "wire/host_prefix.h"
#include "wire/trust/key.h"

namespace ka::server {

namespace {

using Network = asio::ip::network_v4;

bool made_of(std::string_view text, std::string_view allowed) {
  constexpr std::string_view alphanumeric = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return alphanumeric.find(c) != std::string_view::npos || allowed.find(c) != std::string_view::npos;
  });
}

[[noreturn]] void refuse(std::string_view name, std::string_view value, std::string_view expected) {
  throw UsageError(name, "expected " + std::string(expected) + ", got: " + escape_bytes(value));
}

Address parse_address(std::string_view name, std::string_view text) {
  const std::optional<std::uint32_t> address = ka::parse_address(text);
  if (!address) refuse(name, text, "an IPv4 address");
  return Address(*address);
}

Network parse_subnet(std::string_view text) {
  std::vector<std::string_view> parts = split(text, '/');
  parts.resize(2);
  std::uint64_t prefix = parse_unsigned(parts[1]).value_or(0);
  if (split(text, '/').size() != 2 || prefix < 8 || prefix > 30)
    refuse("subnet", text, "ADDRESS/8 to ADDRESS/30, such as 10.0.1.0/24");
  return Network(parse_address("subnet", parts[0]), static_cast<unsigned short>(prefix)).canonical();
}

bool usable_in(const Network& net, Address address) { return address > net.network() && address < net.broadcast(); }

/// The half of the subnet that the server is not in.
AddressRange other_half(const Network& net, Address server) {
  std::uint32_t first = net.network().to_uint() + 1, last = net.broadcast().to_uint() - 1;
  std::uint32_t middle = net.network().to_uint() + (net.broadcast().to_uint() - net.network().to_uint()) / 2;
  if (server.to_uint() <= middle) return {Address(middle + 1), Address(last)};
  return {Address(first), Address(middle)};
}

std::string joined(const std::vector<Address>& addresses, std::string_view separator) {
  std::string text;
  for (const Address& address : addresses) {
    if (!text.empty()) text += separator;
    text += address.to_string();
  }
  return text;
}

/// A value that may be given, be "none", or come from this machine.
std::string given_or(const std::string& given, const std::string& derived) {
  if (given == "none") return {};
  return given.empty() ? derived : given;
}

std::string path_value(std::string_view name, const std::string& text) {
  if (!text.starts_with('/') || !made_of(text, "/._+-") || text.find("/../") != std::string::npos)
    refuse(name, text, "an absolute path of letters, digits and . _ + -");
  return text;
}

/// "http://ADDRESS[:PORT][/PATH]" without a slash at its end.
std::string http_value(std::string text, const std::string& server) {
  if (text.empty()) return {};
  const std::uint64_t port = parse_unsigned(text).value_or(0);
  if (port > 0 && port < 65536) return "http://" + server + (port == 80 ? "" : ":" + std::to_string(port));
  while (text.ends_with('/')) text.pop_back();
  const std::string_view scheme = "http://";
  if (!text.starts_with(scheme) || text.size() == scheme.size() || !made_of(text, "/.:_+-") ||
      text.find("//", scheme.size()) != std::string::npos)
    refuse("http", text, "http://ADDRESS[:PORT][/PATH], or a port of this server");
  return text;
}

/// "(http,10.0.1.1:8080)/path", as GRUB names it.
std::string grub_device(const std::string& url) {
  if (url.empty()) return {};
  const std::size_t start = url.find("//") + 2, slash = std::min(url.find('/', start), url.size());
  return "(http," + url.substr(start, slash - start) + ")" + url.substr(slash);
}

/// Words as GRUB has to be given them: what is between ' stays as it is.
std::string grub_words(const std::string& text) {
  std::string quoted;
  for (const std::string_view word : words(text)) quoted += " '" + std::string(word) + "'";
  return quoted;
}

std::string serial_value(const std::string& text) {
  if (text.empty()) return {};
  std::vector<std::string_view> parts = words(text);
  parts.resize(2);
  // No valid number is as large as what stands for an invalid one.
  std::uint64_t port = parse_unsigned(parts[0]).value_or(UINT64_MAX), speed = parse_unsigned(parts[1]).value_or(0);
  if (words(text).size() != 2 || port > 3 || speed < 1200 || speed > 115200)
    refuse("serial", text, "PORT SPEED, such as 0 115200");
  return std::to_string(port) + " " + std::to_string(speed);
}

std::string console_words(const std::string& serial) {
  if (serial.empty()) return {};
  std::vector<std::string_view> parts = words(serial);
  // The last one is /dev/console.
  return " console=tty0 console=ttyS" + std::string(parts[0]) + "," + std::string(parts[1]);
}

void add_network(PxeValues& values, const PxeRequest& request, const std::optional<NetworkFacts>& facts) {
  if (request.server.empty() && !facts)
    throw Error("server", "its address is not known: give it, or an interface of this machine that has one");
  Address server = request.server.empty() ? facts->address : parse_address("server", request.server);
  if (request.subnet.empty() && !facts) throw Error("subnet", "not known: give it, such as 10.0.1.0/24");
  Network net =
      request.subnet.empty() ? Network(facts->address, facts->prefix).canonical() : parse_subnet(request.subnet);
  if (net.prefix_length() > 30) refuse("subnet", net.to_string(), "one with room for nodes");
  if (!usable_in(net, server)) refuse("server", server.to_string(), "an address inside " + net.to_string());

  AddressRange range =
      request.range.empty() ? other_half(net, server) : address_range("range", request.range, net, server);
  std::string gateway = given_or(request.gateway, facts && facts->gateway ? facts->gateway->to_string() : "");
  if (!gateway.empty()) {
    Address address = parse_address("gateway", gateway);
    if (!usable_in(net, address)) {
      if (!request.gateway.empty()) refuse("gateway", gateway, "an address inside " + net.to_string());
      gateway.clear();  // this machine's own, but of another network
    } else if (range.holds(address)) {
      refuse("range", range.first.to_string() + "," + range.last.to_string(),
             "a range without the gateway's address " + gateway);
    }
  }
  std::vector<Address> dns;
  std::string names = given_or(request.dns, facts ? joined(facts->dns, ",") : "");
  if (!names.empty()) {
    for (std::string_view name : split(names, ',')) dns.push_back(parse_address("dns", trim(name)));
  }

  values["SERVER"] = server.to_string();
  values["NETWORK"] = net.network().to_string();
  values["NETMASK"] = net.netmask().to_string();
  values["PREFIX"] = std::to_string(net.prefix_length());
  values["BROADCAST"] = net.broadcast().to_string();
  values["FIRST"] = range.first.to_string();
  values["LAST"] = range.last.to_string();
  values["GATEWAY"] = gateway;
  values["ROUTER_LIST"] = gateway.empty() ? "" : "," + gateway;
  values["DNS"] = joined(dns, ", ");
  values["DNS_LIST"] = dns.empty() ? "" : "," + joined(dns, ",");
}

void add_loaders(PxeValues& values, const PxeRequest& request) {
  const std::string http = http_value(request.http, values["SERVER"]);
  values["HTTP"] = http;
  values["GRUB_HTTP"] = grub_device(http);
  values["IMAGES"] = http.empty() ? "images" : http + "/X86PC/linux/images";
  Loaders loaders;
  loaders.server = values["SERVER"];
  loaders.bios = "/X86PC/linux/linux.0";
  const bool uefi = request.efi_loader != "none";
  if (uefi) loaders.uefi = path_value("efi-loader", request.efi_loader);
  if (uefi && request.efi_loader != PxeRequest().efi_loader) loaders.uefi_by_proxy = request.efi_loader;
  if (uefi && !http.empty()) loaders.uefi_http = http + "/uefi.img";
  if (!request.uki.empty()) {
    if (request.efi_loader != PxeRequest().efi_loader)
      throw UsageError("uki", "is what UEFI machines get, and efi-loader says " + request.efi_loader + ": give one");
    loaders.uefi = loaders.uefi_by_proxy = uki_path;
    if (!http.empty()) loaders.uefi_http = http + std::string(uki_path);
  }
  values["UKI"] = request.uki.empty() ? "" : loaders.uefi;
  values["DHCPD_CLASSES"] = dhcpd_classes(loaders);
  values["DNSMASQ_LINES"] = dnsmasq_boot_lines(loaders);
  values["DNSMASQ_PROXY_LINES"] = dnsmasq_proxy_lines(loaders);
  values["KEA_CLASSES"] = kea_classes(loaders);
}

}  // namespace

AddressRange address_range(std::string_view name, const std::string& text, const Network& net, Address server) {
  std::vector<std::string_view> ends = split(text, ',');
  if (ends.size() != 2) refuse(name, text, "FIRST,LAST, such as 10.0.1.30,10.0.1.40");
  AddressRange range{parse_address(name, trim(ends[0])), parse_address(name, trim(ends[1]))};
  if (range.first > range.last) refuse(name, text, "the lower address first");
  if (!usable_in(net, range.first) || !usable_in(net, range.last))
    refuse(name, text, "addresses inside " + net.to_string() + ", without its first and last");
  if (range.holds(server)) refuse(name, text, "a range without the server's own address " + server.to_string());
  return range;
}

PxeValues pxe_values(const PxeRequest& request, const std::optional<NetworkFacts>& facts) {
  PxeValues values;
  add_network(values, request, facts);

  std::string interface = request.interface.empty() && facts ? facts->interface : request.interface;
  if (interface.empty()) throw Error("interface", "not known: give the name of the one that nodes are on");
  if (interface.size() > 15 || !made_of(interface, "._-")) refuse("interface", interface, "the name of an interface");
  values["INTERFACE"] = interface;

  std::string domain = given_or(request.domain, facts ? facts->domain : "");
  if (domain.size() > 253 || !made_of(domain, ".-")) refuse("domain", domain, "letters, digits, dots and hyphens");
  values["DOMAIN"] = domain;
  std::string prefix = given_or(request.host_prefix, "");
  if (!prefix.empty() && !wire::is_host_prefix(prefix))
    refuse("host-prefix", prefix, "at most 60 letters, digits and hyphens");
  values["HOST_PREFIX"] = prefix;
  values["NAMES"] = prefix.empty() ? "" : " kahostprefix=" + prefix;

  values["TFTP_ROOT"] = path_value("tftp-root", request.tftp_root);
  const bool usual_root = request.tftp_root == PxeRequest().tftp_root;
  values["ROOT_OPTION"] = usual_root ? "" : " --tftp-root " + request.tftp_root;
  add_loaders(values, request);

  if (request.default_label.empty() || !made_of(request.default_label, "._-"))
    refuse("default", request.default_label, "the name of a label");
  values["DEFAULT"] = request.default_label;
  auto seconds = parse_unsigned(request.timeout);
  if (!seconds || *seconds > 3599) refuse("timeout", request.timeout, "seconds, at most 3599");
  // To pxelinux, no tenth of a second means that it waits for ever.
  values["PROMPT"] = *seconds == 0 ? "0" : "1";
  values["TIMEOUT"] = *seconds == 0 ? "1" : std::to_string(*seconds * 10);
  values["SECONDS"] = std::to_string(*seconds);
  const std::string serial = serial_value(request.serial);
  values["SERIAL"] = serial;
  values["SERIAL_PORT"] = serial.substr(0, serial.find(' '));
  values["SERIAL_SPEED"] = serial.substr(std::min(serial.size(), serial.find(' ') + 1));
  values["GRUB_SERIAL"] = serial.empty() ? "" : "serial";
  values["CONSOLES"] = console_words(values["SERIAL"]);

  if (!request.kakey.empty()) wire::parse_public_keys(request.kakey);
  values["KAKEY"] = request.kakey.empty() ? "" : " kakey=" + request.kakey;
  if (!made_of(request.append, " !#$%&()*+,-./:;<=>?@[]^_{|}~"))
    refuse("append", request.append, "words for the kernel without quotes, backslashes or line ends");
  values["APPEND"] = request.append.empty() ? "" : " " + request.append;
  values["GRUB_APPEND"] = grub_words(request.append);
  return values;
}

std::string fill_template(std::string_view text, const PxeValues& values, const std::string& file) {
  std::string result;
  unsigned number = 0;
  for (std::string_view rest = text; !rest.empty();) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    ++number;
    std::string filled;
    bool left_out = false;
    // Odd pieces stand between two @.
    std::vector<std::string_view> pieces = split(line, '@');
    if (pieces.size() % 2 == 0) throw Error(file + ":" + std::to_string(number), "an @ without its second");
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      if (i % 2 == 0) {
        filled += pieces[i];
        continue;
      }
      std::string_view name = pieces[i];
      bool may_be_empty = name.ends_with('?');
      if (may_be_empty) name.remove_suffix(1);
      auto value = values.find(name);
      if (value == values.end())
        throw Error(file + ":" + std::to_string(number), "there is no value named " + escape_bytes(name));
      if (value->second.empty() && !may_be_empty) left_out = true;
      filled += value->second;
    }
    if (!left_out) result += filled + "\n";
  }
  return result;
}

namespace {

/// `config` line by line, with the one for which `is_default` holds replaced by `now`. `label_of` gives the label that
/// a line starts, or nothing; `what` is what a file without a default lacks.
template <typename LabelOf, typename IsDefault>
std::string with_default(std::string_view config, std::string_view label, const std::string& now, const char* what,
                         LabelOf label_of, IsDefault is_default) {
  std::string result;
  std::vector<std::string> labels;
  bool replaced = false;
  for (std::string_view rest = config; !rest.empty();) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    const std::vector<std::string_view> parts = words(line);
    if (std::string_view found = label_of(parts); !found.empty()) labels.emplace_back(found);
    const bool is_it = is_default(parts);
    replaced |= is_it;
    result += (is_it ? now : std::string(line)) + "\n";
  }
  if (!replaced) throw Error("change the default label", std::string("there is no ") + what + " line");
  if (std::find(labels.begin(), labels.end(), label) == labels.end()) {
    std::string known;
    for (const std::string& name : labels) known += " " + name;
    throw Error("change the default label", "no label " + escape_bytes(label) + "; there are:" + known);
  }
  return result;
}

bool same_keyword(std::string_view word, std::string_view keyword) {
  return std::equal(word.begin(), word.end(), keyword.begin(), keyword.end(),
                    [](char a, char b) { return ::tolower(a) == b; });
}

}  // namespace

std::string with_default_label(std::string_view pxelinux_config, std::string_view label) {
  using Words = std::vector<std::string_view>;
  return with_default(
      pxelinux_config, label, "DEFAULT " + std::string(label), "DEFAULT",
      [](const Words& line) {
        return line.size() > 1 && same_keyword(line[0], "label") ? line[1] : std::string_view();
      },
      [](const Words& line) { return !line.empty() && same_keyword(line[0], "default"); });
}

std::string with_default_entry(std::string_view grub_config, std::string_view label) {
  using Words = std::vector<std::string_view>;
  return with_default(
      grub_config, label, "set default=" + std::string(label), "set default=",
      [](const Words& line) {
        const auto id = std::find(line.begin(), line.end(), "--id");
        return !line.empty() && line[0] == "menuentry" && line.end() - id > 1 ? id[1] : std::string_view();
      },
      [](const Words& line) { return line.size() == 2 && line[0] == "set" && line[1].starts_with("default="); });
}

}  // namespace ka::server
