#include "server/boot/boot_tree.h"

#include <unistd.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "server/golden/programs.h"

namespace ka::server {

namespace {

constexpr std::size_t screen_width = 76;
constexpr const char* no_loader = "none";  // of PxeRequest
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
  std::vector<std::string> lines = {"KA: THIS MACHINE IS NOT CLONED",
                                    (entry.host_name.empty() ? "" : entry.host_name + ", ") + hardware_address +
                                        (entry.address.empty() ? "" : ", " + entry.address)};
  for (const std::string& line : on_screen(entry.reason)) lines.push_back(line);
  lines.push_back("It has failed " + std::to_string(entry.failures) + (entry.failures == 1 ? " time." : " times."));
  return lines;
}

// The lines of `text` that begin with one of these words.
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

// The nodes of a machine with BIOS start by BIOS; it need not have what UEFI wants.
std::vector<std::string> missing_for_uefi() {
  const BootFiles files;
  std::vector<std::string> packages;
  if (::access(files.shim.c_str(), F_OK) != 0) packages.emplace_back("shim-signed");
  if (::access(files.grub.c_str(), F_OK) != 0) packages.emplace_back("grub-efi-amd64-signed");
  if (!has_program("mcopy")) packages.emplace_back("mtools");
  return packages;
}

PxeRequest values_for(const BootRequest& request, const NetworkFacts& facts) {
  PxeRequest values = read_pxe_values(request.values_file);
  values.interface = facts.interface;
  values.tftp_root = request.folder + "/tftpboot";
  values.http = std::to_string(request.http_port);
  values.default_label = "kamethod";
  values.timeout = "0";
  values.append += (values.append.empty() ? "kaserver=" : " kaserver=") + facts.address.to_string() + ":" +
                   std::to_string(request.control_port);
  return values;
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
  if (wanted.efi_loader != no_loader) tree.missing_for_uefi = missing_for_uefi();
  if (!tree.missing_for_uefi.empty()) wanted.efi_loader = no_loader;
  const PxeValues values = pxe_values(wanted, facts);
  const std::string templates = installed("share/ka/pxe-config");
  for (auto& [path, content] : pxe_config_files(templates, request.folder, values)) {
    if (path.ends_with("/pxelinux.cfg/default")) {
      tree.pxelinux_labels = content.substr(std::min(content.size(), content.find("\nlabel ")));
      tree.pxelinux_serial = lines_of(content, {"SERIAL "});
    }
    if (path.ends_with("/grub.cfg")) tree.grub_terminal = lines_of(content, {"serial ", "terminal_"});
    const bool proxy = path.ends_with("/dnsmasq-proxy.conf");
    if (proxy) tree.dnsmasq = path;
    if (proxy || path.starts_with(wanted.tftp_root + "/")) tree.tftp.emplace_back(path, std::move(content));
  }
  BootFiles files;
  files.http = true;
  if (!request.images.empty()) files.images = request.images;
  files.uefi = wanted.efi_loader != no_loader;
  files.ramdisk_config = ramdisk_config(templates, values);
  for (auto& [path, content] : boot_files(files, wanted.tftp_root)) {
    if (comes_by_http(path))
      tree.http[path.substr(wanted.tftp_root.size())] = std::move(content);
    else
      tree.tftp.emplace_back(path, std::move(content));
  }
  return tree;
}

FileContents stopped_files(const BootTree& tree, const std::string& folder, const std::string& hardware_address,
                           const BootBook::Entry& entry) {
  // PROMPT without a time waits for ever (pxelinux), as does the sleep.
  std::string pxelinux = tree.pxelinux_serial + "PROMPT 1\nTIMEOUT 0\nDEFAULT kamethod\nSAY\n";
  std::string grub = tree.grub_terminal + "clear\n";
  for (const std::string& line : why_stopped(hardware_address, entry)) {
    pxelinux += "SAY " + line + "\n";
    grub += "echo '" + line + "'\n";
  }
  pxelinux += "SAY Enter lets it try once more.\n" + tree.pxelinux_labels;
  grub += "echo 'The key Esc lets it try once more.'\nsleep --interruptible 1000000000\nsource $prefix/grub.cfg\n";
  const std::string card = card_name(hardware_address);
  return {{folder + std::string(pxelinux_folder) + card, pxelinux},
          {folder + std::string(grub_folder) + "grub.cfg-" + card, grub}};
}

}  // namespace ka::server
