#include "server/boot/boot_tree.h"

#include <unistd.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "server/golden/programs.h"

namespace ka::server {

namespace {

constexpr std::size_t screen_width = 76;
constexpr const char* no_loader = "none";  // of PxeRequest
constexpr std::string_view server_word = "kaserver=";
constexpr std::string_view ipxe_script = "/X86PC/linux/boot.ipxe";  // below the TFTP root, beside pxelinux
constexpr std::string_view pxelinux_folder = "/tftpboot/X86PC/linux/pxelinux.cfg/", grub_folder = "/tftpboot/grub/";

// Too large for TFTP to be quick about.
bool comes_by_http(std::string_view path) {
  return path.ends_with("/vmlinuz") || path.ends_with("/all.rdz") || path.ends_with("/uefi.img");
}

// Letters that every screen has, in lines that it has room for.
std::vector<std::string> on_screen(const std::string& text) {
  const std::string safe = printable(text);
  std::vector<std::string> lines(1);
  for (const std::string_view word : words(safe)) {
    std::string shown(word);
    std::replace_if(
        shown.begin(), shown.end(), [](char c) { return c < ' ' || c > '~' || c == '\''; }, '.');
    if (!lines.back().empty() && lines.back().size() + 1 + shown.size() > screen_width) lines.emplace_back();
    lines.back() += (lines.back().empty() ? "" : " ") + shown;
  }
  return lines;
}

std::vector<std::string> why_stopped(const std::string& hardware_address, const BootBook::Entry& entry) {
  std::vector<std::string> lines = {"KA: THIS MACHINE IS NOT CLONED"};
  const std::string who = (entry.host_name.empty() ? "" : entry.host_name + ", ") + hardware_address +
                          (entry.address.empty() ? "" : ", " + entry.address);
  for (const std::string& text : {who, entry.reason})
    for (const std::string& line : on_screen(text)) lines.push_back(line);
  lines.push_back("It has failed " + std::to_string(entry.failures) + (entry.failures == 1 ? " time." : " times."));
  return lines;
}

// The same labels, with one more word for the kernels that ask a KA server.
std::string with_word(const std::string& labels, const std::string& word) {
  std::string text;
  for (const std::string_view line : split(labels, '\n')) {
    const std::vector<std::string_view> fields = words(line);
    const bool asks = !fields.empty() && fields[0] == "APPEND" && std::count(fields.begin(), fields.end(), "kamethod");
    text += std::string(line) + (asks && !word.empty() ? " " + word : "") + "\n";
  }
  text.pop_back();  // what is behind the last end of a line is no line
  return text;
}

// For its kernel, without pxelinux's own.
std::string words_of_kamethod(const std::string& labels) {
  const std::size_t label = labels.find("\nlabel kamethod\n"), at = labels.find("APPEND ", label);
  if (label == labels.npos || at == labels.npos)
    throw Error("pxelinux.default", "it has no label kamethod with APPEND");
  const std::string line = labels.substr(at, labels.find('\n', at) - at);
  std::string text;
  for (const std::string_view word : words(line))
    if (word != "APPEND" && !word.starts_with("initrd=")) text += (text.empty() ? "" : " ") + std::string(word);
  return text;
}

// iPXE says what it is (RFC 3004). Where it is a BIOS's it is told of its script, and of no other loader.
std::string with_ipxe(const std::string& configuration, const std::string& server) {
  const std::string script = "tag:ka-ipxe-bios", others = "tag:!ka-ipxe-bios", service = "pxe-service=";
  std::string text;
  for (const std::string_view line : split(configuration, '\n')) {
    const bool is_service = line.starts_with(service);
    text += is_service ? service + others + "," : "";
    text += std::string(line.substr(is_service ? service.size() : 0)) + "\n";
  }
  text +=
      "dhcp-userclass=set:ka-ipxe,iPXE\n"
      "dhcp-match=set:ka-bios,option:client-arch,0\n"
      "tag-if=set:ka-ipxe-bios,tag:ka-ipxe,tag:ka-bios\n";
  return text + "dhcp-boot=" + script + "," + std::string(ipxe_script) + ",," + server + "\n";
}

// The nodes of a machine with BIOS start by BIOS; it need not have what UEFI wants.
std::vector<std::string> missing_for_uefi() {
  const BootFiles files;
  std::vector<std::string> packages;
  if (::access(files.shim.c_str(), F_OK) != 0) packages.emplace_back(shim_package);
  if (::access(files.grub.c_str(), F_OK) != 0) packages.emplace_back(grub_package);
  if (!has_program("mcopy")) packages.emplace_back("mtools");
  return packages;
}

// Only the range of its own network: what else may be in use, dnsmasq asks by ping before it gives an address away.
void check_range(const BootRequest& request, const NetworkFacts& facts, const PxeRequest& values) {
  constexpr const char* name = "--dhcp";
  const auto net = asio::ip::network_v4(facts.address, facts.prefix).canonical();
  const AddressRange range = address_range(name, request.dhcp, net, facts.address);
  const auto refuse_if_held = [&](Address address, const std::string& what) {
    if (range.holds(address))
      throw UsageError(name, "the range " + request.dhcp + " has " + what + " " + address.to_string() + " in it");
  };
  for (const Address& address : own_addresses()) refuse_if_held(address, "this machine's own address");
  if (facts.gateway && values.gateway.empty()) refuse_if_held(*facts.gateway, "the router's address");
  for (const Address& address : facts.dns) refuse_if_held(address, "the name server's address");
  if (range.size() < request.nodes)
    throw UsageError(name, "the range " + request.dhcp + " has " + std::to_string(range.size()) + " addresses, for " +
                               std::to_string(request.nodes) + " nodes");
}

// A machine that is to start from its own disk is given its address, also when its firmware asks, but no boot file.
std::string with_silence(const std::string& configuration) {
  std::string text;
  for (const std::string_view line : split(configuration, '\n')) {
    const bool tells = line.starts_with("dhcp-boot=") || line.starts_with("dhcp-option-force=");
    const std::size_t values = tells ? line.find('=') + 1 : 0;
    text += std::string(line.substr(0, values)) + (tells ? "tag:!" + std::string(silent_tag) + "," : "");
    text += std::string(line.substr(values)) + "\n";
  }
  return text;
}

PxeRequest values_for(const BootRequest& request, const NetworkFacts& facts) {
  PxeRequest values = read_pxe_values(request.values_file);
  values.interface = facts.interface;
  values.tftp_root = request.folder + "/tftpboot";
  values.http = std::to_string(request.http_port);
  values.default_label = "kamethod";
  values.timeout = "0";
  if (!request.dhcp.empty()) values.range = request.dhcp;
  if (!request.kakey.empty() && values.kakey.find(request.kakey) == std::string::npos)
    values.kakey += (values.kakey.empty() ? "" : ",") + request.kakey;
  if (!request.uki.empty()) values.uki = request.uki;
  values.append += (values.append.empty() ? "" : " ") + std::string(server_word) +
                   request.golden.value_or(facts.address).to_string() + ":" + std::to_string(request.control_port);
  return values;
}

// What this run would tell machines on a command line of its own.
Uki fitting_uki(const BootRequest& request, const NetworkFacts& facts, const PxeRequest& wanted, PxeValues values) {
  Uki uki = read_uki(wanted.uki);
  const std::string all = values["NAMES"] + values["CONSOLES"] + values["APPEND"];
  std::string others;
  for (const std::string_view word : words(all))
    if (!word.starts_with(server_word)) others += " " + std::string(word);
  check_uki_words(uki, others);
  const auto net = asio::ip::network_v4(facts.address, facts.prefix).canonical();
  const Address golden = request.golden.value_or(facts.address);
  check_uki_server(uki, golden, request.control_port, golden >= net.network() && golden <= net.broadcast());
  return uki;
}

}  // namespace

BootTree boot_tree(const BootRequest& request) {
  const auto facts = network_facts(request.interface);
  if (!facts)
    throw Error("--pxe", request.interface.empty() ? "this machine has no network with an IPv4 address"
                                                   : "the interface " + request.interface + " has no IPv4 address");
  BootTree tree;
  tree.interface = facts->interface;
  tree.server = facts->address;
  PxeRequest wanted = values_for(request, *facts);
  if (!request.dhcp.empty()) check_range(request, *facts, wanted);
  tree.uki = !wanted.uki.empty();
  if (!tree.uki && wanted.efi_loader != no_loader) tree.missing_for_uefi = missing_for_uefi();
  if (!tree.missing_for_uefi.empty()) wanted.efi_loader = no_loader;
  PxeValues values = pxe_values(wanted, facts);
  const std::string templates = request.templates.empty() ? installed("share/ka/pxe-config") : request.templates;
  const std::string_view configuration = request.dhcp.empty() ? "/dnsmasq-proxy.conf" : "/dnsmasq.conf";
  for (auto& [path, content] : pxe_config_files(templates, request.folder, values)) {
    if (path.ends_with("/pxelinux.cfg/default")) {
      tree.pxelinux_labels = content.substr(std::min(content.size(), content.find("\nlabel ")));
      tree.pxelinux_serial = lines_of(content, {"SERIAL "});
    }
    if (path.ends_with("/grub.cfg")) tree.grub_terminal = lines_of(content, {"serial ", "terminal_"});
    const bool chosen = path.ends_with(configuration);
    if (chosen) tree.dnsmasq = path;
    if (chosen) content = with_ipxe(content, values.at("SERVER"));
    if (chosen && !request.dhcp.empty()) content = with_silence(content);
    if (chosen || path.starts_with(wanted.tftp_root + "/")) tree.tftp.emplace_back(path, std::move(content));
  }
  const std::string ipxe = templates + "/boot.ipxe";
  values["KERNEL_WORDS"] = words_of_kamethod(tree.pxelinux_labels);
  tree.tftp.emplace_back(wanted.tftp_root + std::string(ipxe_script), fill_template(read_file(ipxe), values, ipxe));
  BootFiles files;
  files.http = true;
  if (!request.images.empty()) files.images = request.images;
  files.uefi = wanted.efi_loader != no_loader;
  files.ramdisk_config = ramdisk_config(templates, values);
  if (tree.uki) files.uki = fitting_uki(request, *facts, wanted, values);
  for (auto& [path, content] : boot_files(files, wanted.tftp_root)) {
    if (path.ends_with(uki_path)) tree.http[std::string(uki_path)] = content;  // by TFTP, too
    if (comes_by_http(path))
      tree.http[path.substr(wanted.tftp_root.size())] = std::move(content);
    else
      tree.tftp.emplace_back(path, std::move(content));
  }
  return tree;
}

std::string lines_of(const std::string& text, std::initializer_list<std::string_view> first_words) {
  std::string found;
  for (const std::string_view line : split(text, '\n'))
    for (const std::string_view word : first_words)
      if (line.starts_with(word)) found += std::string(line) + "\n";
  return found;
}

std::string card_name(std::string hardware_address) {
  std::replace(hardware_address.begin(), hardware_address.end(), ':', '-');
  return "01-" + hardware_address;
}

// PROMPT without a time waits for ever (pxelinux), as does the sleep.
std::string stopped_pxelinux(const std::string& terminal, const std::string& hardware_address,
                             const BootBook::Entry& entry) {
  std::string text = terminal + "PROMPT 1\nTIMEOUT 0\nDEFAULT kamethod\nSAY\n";
  for (const std::string& line : why_stopped(hardware_address, entry)) text += "SAY " + line + "\n";
  return text + "SAY Enter lets it try once more.\n";
}

std::string stopped_grub(const std::string& terminal, const std::string& hardware_address,
                         const BootBook::Entry& entry) {
  std::string text = terminal + "clear\n";
  for (const std::string& line : why_stopped(hardware_address, entry)) text += "echo '" + line + "'\n";
  return text + "echo 'The key Esc lets it try once more.'\nsleep --interruptible 1000000000\n";
}

FileContents own_files(const BootTree& tree, const std::string& folder, const std::string& hardware_address,
                       const BootBook::Entry& entry) {
  const std::string card = card_name(hardware_address), word = entry.token.empty() ? "" : "katoken=" + entry.token;
  std::string pxelinux, grub, ipxe;
  if (entry.next == BootBook::Next::stopped) {
    pxelinux = stopped_pxelinux(tree.pxelinux_serial, hardware_address, entry);
    grub = stopped_grub(tree.grub_terminal, hardware_address, entry);
  } else if (entry.next == BootBook::Next::clone && !word.empty()) {
    pxelinux = tree.pxelinux_serial + "PROMPT 0\nDEFAULT kamethod\n";
    ipxe = "#!ipxe\nset katoken " + word + "\n";
  }
  if (!pxelinux.empty()) pxelinux += with_word(tree.pxelinux_labels, word);
  if (!word.empty()) grub += "set katoken=" + word + "\n";
  if (!grub.empty()) grub += "source $prefix/grub.cfg\n";
  return {{folder + std::string(pxelinux_folder) + card, pxelinux},
          {folder + std::string(grub_folder) + "grub.cfg-" + card, grub},
          {folder + std::string(pxelinux_folder) + card + ".ipxe", ipxe}};
}

}  // namespace ka::server
