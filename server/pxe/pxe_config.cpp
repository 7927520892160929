#include "server/pxe/pxe_config.h"

#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <iterator>
#include <memory>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "server/options/key_file.h"
#include "server/options/option_table.h"
#include "server/options/options.h"
#include "server/pxe/uefi_ramdisk.h"

namespace ka::server {

namespace {

// The KA method's layout below a TFTP root.
constexpr const char* linux_folder = "/X86PC/linux";
constexpr const char* pxelinux_config = "/X86PC/linux/pxelinux.cfg/default";
// Where the GRUB that Debian has signed for the network looks for it.
constexpr const char* grub_config = "/grub/grub.cfg";

struct TemplateFile {
  std::string_view name;    ///< in the templates' folder
  std::string_view output;  ///< below the output folder
};

// What machines that are not asked boot, as the label that a signed image is.
constexpr std::string_view uki_label = "kamethod";

constexpr std::string_view pxelinux_template = "pxelinux.default", grub_template = "grub.cfg";

constexpr TemplateFile template_files[] = {
    {"readme", "README"},
    {"dhcpd.conf", "dhcpd.conf"},
    {"isc-dhcp-server", "isc-dhcp-server"},
    {"dnsmasq.conf", "dnsmasq.conf"},
    {"dnsmasq-proxy.conf", "dnsmasq-proxy.conf"},
    {"kea-dhcp4.conf", "kea-dhcp4.conf"},
    {"tftpd-hpa", "tftpd-hpa"},
    {"ka-tftp.service", "ka-tftp.service"},
    {"xinetd-tftp", "xinetd-tftp"},
    {"pxe.conf", "pxe.conf"},
    {pxelinux_template, "tftpboot/X86PC/linux/pxelinux.cfg/default"},
    {grub_template, "tftpboot/grub/grub.cfg"},
    {"messages", "tftpboot/X86PC/linux/messages"},
    {"help.txt", "tftpboot/X86PC/linux/help.txt"},
};

std::string folder_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

/// All that the subcommand's options set.
struct Request {
  PxeRequest values;
  std::string values_file, key, output = "ka-pxe", templates = installed("share/ka/pxe-config");
  bool open = false, with_boot_files = false;
  BootFiles boot_files;
};

void add_value_options(OptionTable& table, PxeRequest& v) {
  table.text("-i,--interface", v.interface, "NAME",
             "Interface that nodes are on; without it, the one with the default route");
  table.text("--server", v.server, "ADDRESS", "Address of this machine for nodes; without it, that of the interface");
  table.text("--subnet", v.subnet, "ADDRESS/PREFIX", "Network of the nodes; without it, that of the interface");
  table.text("--range", v.range, "FIRST,LAST",
             "Addresses for nodes; without it, the half of the subnet that the server is not in");
  table.text("--gateway", v.gateway, "ADDRESS", "Router for nodes, or none; without it, this machine's");
  table.text("--dns", v.dns, "ADDRESS,...", "Name servers for nodes, or none; without it, this machine's");
  table.text("--domain", v.domain, "NAME", "Domain of the nodes, or none; without it, this machine's");
  table.text("--host-prefix", v.host_prefix, "NAME",
             "A node without a name is called NAME and the last number of its address; or none");
  table.text("--tftp-root", v.tftp_root, "DIR", "What the TFTP server serves");
  table.text("--efi-loader", v.efi_loader, "PATH", "Boot file for UEFI machines, below the TFTP root; or none");
  table.text_or_nothing("--uki", v.uki, "FILE",
                        "A signed image of make uki: boot file of UEFI machines in place of shim and GRUB");
  table.text_or_nothing("--http", v.http, "URL",
                        "Where a web server gives what is below the TFTP root, too: http://ADDRESS[:PORT][/PATH], or a "
                        "port of this server");
  table.text("--default", v.default_label, "LABEL", "What boots when nobody chooses: local, kamethod, kashell");
  table.text("--timeout", v.timeout, "SECONDS", "How long machines wait for a choice; 0: they do not ask");
  table.text_or_nothing("--serial", v.serial, "'PORT SPEED'",
                        "Serial line of the nodes that is a console too: '0 115200'");
  table.text("--kakey", v.kakey, "KEY[,KEY]",
             "Public keys: nodes let nobody else clone them; without it, that of --key");
  table.text_or_nothing("--append", v.append, "'WORDS'", "More words for the kernel command line of kamethod");
}

// The public half of this machine's key, where nothing else was said.
void add_key(Request& request) {
  if (request.open && !(request.key.empty() && request.values.kakey.empty()))
    throw UsageError("--open", "contradicts --key and --kakey");
  const bool given = !request.key.empty();
  if (request.open || (!given && (!request.values.kakey.empty() || ::access(default_key_file, F_OK) != 0))) return;
  const wire::KeyPair key = read_key_file(given ? request.key : default_key_file);
  request.values.kakey += (request.values.kakey.empty() ? "" : ",") + wire::to_text(key.public_key());
}

std::string level_of(const std::string& kakey) {
  if (kakey.empty()) return "Level open: nodes know no key, and let any server clone them (ka-server key makes one)";
  std::string words;
  for (const wire::PublicKey& key : wire::parse_public_keys(kakey))
    words += (words.empty() ? "" : ", ") + wire::fingerprint(key);
  return "Level pinned: nodes let nobody clone them but who has the key " + words;
}

// Reads all that is to be written, and writes it only then.
int run_pxe_config(CLI::App& app, Request& request) {
  if (!request.values_file.empty()) apply_conf(app, read_file(request.values_file), request.values_file);
  add_key(request);
  PxeValues values = pxe_values(request.values, network_facts(request.values.interface));
  FileContents files = pxe_config_files(request.templates, request.output, values);
  if (!request.values.uki.empty()) {
    request.boot_files.uki = read_uki(request.values.uki);
    check_uki_words(*request.boot_files.uki, values["NAMES"] + values["CONSOLES"] + values["APPEND"]);
  }
  if (request.with_boot_files) {
    request.boot_files.uefi = request.values.efi_loader != "none";
    request.boot_files.http = !values["HTTP"].empty();
    request.boot_files.ramdisk_config = ramdisk_config(request.templates, values);
    FileContents boot = boot_files(request.boot_files, request.output + "/tftpboot");
    if (request.boot_files.uki && values["DEFAULT"] != uki_label)
      for (auto& [path, content] : boot)
        if (path.ends_with(uki_path)) path = request.output + "/tftpboot" + std::string(uki_path_aside);
    files.insert(files.end(), std::make_move_iterator(boot.begin()), std::make_move_iterator(boot.end()));
  }
  ::umask(022);  // whatever root's is: what TFTP serves is read by everybody
  write_files(files);
  std::printf("%s: boot servers on %s (%s), nodes get %s to %s; %s/README says which file goes where\n",
              request.output.c_str(), values["SERVER"].c_str(), values["INTERFACE"].c_str(), values["FIRST"].c_str(),
              values["LAST"].c_str(), request.output.c_str());
  std::printf("%s\n", level_of(request.values.kakey).c_str());
  return 0;
}

// An image has no menu: it lies where machines look for it, or beside that.
bool put_uki(const std::string& tftp_root, bool in_place) {
  const std::string there = tftp_root + std::string(uki_path), aside = tftp_root + std::string(uki_path_aside);
  if (::access(there.c_str(), F_OK) != 0 && ::access(aside.c_str(), F_OK) != 0) return false;
  const std::string &from = in_place ? aside : there, &to = in_place ? there : aside;
  if (::rename(from.c_str(), to.c_str()) != 0 && errno != ENOENT) throw Error::from_errno("rename to " + to);
  return true;
}

// Both loaders' or, where one of them was not set up, the other's.
int change_default(const std::string& tftp_root, const std::string& label) {
  FileContents files;
  const std::string pxelinux = tftp_root + pxelinux_config, grub = tftp_root + grub_config;
  if (const auto text = read_file_if_any(pxelinux)) files.emplace_back(pxelinux, with_default_label(*text, label));
  if (const auto text = read_file_if_any(grub)) files.emplace_back(grub, with_default_entry(*text, label));
  if (files.empty()) throw Error("change the default label", "there is neither " + pxelinux + " nor " + grub);
  write_files(files);
  const bool uki = put_uki(tftp_root, label == uki_label);
  for (const auto& [path, content] : files) std::printf("%s: %s\n", path.c_str(), label.c_str());
  if (uki)
    std::printf("%s%s: %s\n", tftp_root.c_str(), std::string(uki_path).c_str(),
                label == uki_label ? label.c_str() : "put aside, so that UEFI machines go on to their own disks");
  return 0;
}

std::string boot_file(const std::string& path, const std::string& remedy) {
  try {
    return read_file(path, std::size_t{1} << 30);
  } catch (const Error& error) {
    throw Error(error.what(), remedy);
  }
}

// The folders of `path` that are not there, the deepest last.
std::vector<std::string> missing_folders(const std::string& path) {
  std::vector<std::string> missing;
  for (std::string folder = folder_of(path); !folder.empty() && ::access(folder.c_str(), F_OK) != 0;) {
    missing.insert(missing.begin(), folder);
    const std::size_t slash = folder.rfind('/');
    folder = slash == std::string::npos ? "" : folder.substr(0, slash);
  }
  return missing;
}

}  // namespace

FileContents pxe_config_files(const std::string& templates, const std::string& output, const PxeValues& values) {
  FileContents files;
  for (const TemplateFile& file : template_files) {
    std::string source = templates + "/" + std::string(file.name);
    std::string content = fill_template(read_file(source), values, source);
    // A default that no label has would leave every machine at the prompt.
    if (file.name == grub_template && !values.at("UKI").empty()) continue;
    if (file.name == pxelinux_template) content = with_default_label(content, values.at("DEFAULT"));
    if (file.name == grub_template) content = with_default_entry(content, values.at("DEFAULT"));
    files.emplace_back(output + "/" + std::string(file.output), std::move(content));
  }
  return files;
}

std::string ramdisk_config(const std::string& templates, const PxeValues& values) {
  const std::string file = templates + "/grub-ramdisk.cfg";
  return fill_template(read_file(file), values, file);
}

PxeRequest read_pxe_values(const std::string& file) {
  PxeRequest request;
  if (file.empty()) return request;
  CLI::App app;
  OptionTable table(app);
  add_value_options(table, request);
  apply_conf(app, read_file(file), file);
  return request;
}

FileContents boot_files(const BootFiles& files, const std::string& tftp_root) {
  const std::string folder = tftp_root + linux_folder, remedy = "make initramfs makes it, make install installs it";
  const std::string kernel = boot_file(files.images + "/vmlinuz", remedy);
  const std::string initramfs = boot_file(files.images + "/all.rdz", remedy);
  const auto loader = [&files](const std::string& path, const std::string& package) {
    const std::string unpacked = files.packages + path;
    return boot_file(::access(unpacked.c_str(), F_OK) == 0 ? unpacked : path, "it is in Debian's package " + package);
  };
  FileContents contents;
  contents.emplace_back(folder + "/linux.0", loader(files.http ? files.lpxelinux : files.pxelinux, "pxelinux"));
  contents.emplace_back(folder + "/ldlinux.c32", loader(files.ldlinux, "syslinux-common"));
  contents.emplace_back(folder + "/images/vmlinuz", kernel);
  contents.emplace_back(folder + "/images/all.rdz", initramfs);
  if (files.uki) check_uki_parts(*files.uki, kernel, initramfs, files.images);
  if (files.uki) contents.emplace_back(tftp_root + std::string(uki_path), files.uki->content);
  if (files.uki || !files.uefi) return contents;
  const std::string shim = loader(files.shim, shim_package);
  const std::string grub = loader(files.grub, grub_package);
  // Not in a folder of their own: shim looks for GRUB beside itself only if the DHCP answer has its name in the header.
  contents.emplace_back(tftp_root + "/shimx64.efi", shim);
  contents.emplace_back(tftp_root + "/grubx64.efi", grub);
  if (!files.http) return contents;
  contents.emplace_back(tftp_root + "/uefi.img", uefi_ramdisk({{"EFI/BOOT/BOOTX64.EFI", shim},
                                                               {"EFI/BOOT/grubx64.efi", grub},
                                                               {"grub/grub.cfg", files.ramdisk_config},
                                                               {"X86PC/linux/images/vmlinuz", kernel},
                                                               {"X86PC/linux/images/all.rdz", initramfs}}));
  return contents;
}

void write_files(const FileContents& files) {
  const std::string suffix = ".ka-part";
  std::vector<std::string> folders, parts;
  try {
    for (const auto& [path, content] : files) {
      if (struct stat status{}; ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode))
        throw Error("write " + path, "it is a directory");
      const std::vector<std::string> missing = missing_folders(path);
      make_directories(folder_of(path));
      folders.insert(folders.end(), missing.begin(), missing.end());
      write_file(path + suffix, content);
      parts.push_back(path + suffix);
    }
    for (const auto& [path, content] : files) {
      if (::rename((path + suffix).c_str(), path.c_str()) != 0) throw Error::from_errno("rename to " + path);
    }
  } catch (...) {
    for (const std::string& part : parts) ::unlink(part.c_str());
    for (auto folder = folders.rbegin(); folder != folders.rend(); ++folder) ::rmdir(folder->c_str());
    throw;
  }
}

void add_pxe_config_command(CLI::App& app, std::function<int()>& chosen) {
  auto request = std::make_shared<Request>();
  CLI::App* config = app.add_subcommand("pxe-config", "Write configuration for PXE, DHCP and TFTP servers");
  add_help_and_version(*config);
  OptionTable table(*config);
  table.text("--output", request->output, "DIR", "Where to write it")->configurable(false);
  table
      .text("--values", request->values_file, "FILE",
            "Read values from FILE: NAME = VALUE, by the names of the options")
      ->configurable(false);
  table.text("--key", request->key, "FILE", "The key that nodes are to know; without it, /etc/ka/key if it is there")
      ->configurable(false);
  table.flag("--open", request->open, "Nodes are to know no key, and to let any server clone them")
      ->configurable(false);
  table.text("--templates", request->templates, "DIR", "Where the templates are")->configurable(false);
  add_value_options(table, request->values);
  table.flag("--install-boot-files", request->with_boot_files,
             "Also fill DIR/tftpboot with pxelinux, shim, GRUB, kernel and all.rdz");
  table
      .text("--packages", request->boot_files.packages, "DIR",
            "Where Debian's packages of shim and GRUB were unpacked, if they are not installed")
      ->configurable(false);
  table.text("--boot-files", request->boot_files.images, "DIR", "Where vmlinuz and all.rdz are");
  config->callback(
      [config, request, &chosen] { chosen = [config, request] { return run_pxe_config(*config, *request); }; });

  auto label = std::make_shared<std::string>();
  auto root = std::make_shared<std::string>(PxeRequest().tftp_root);
  CLI::App* change = app.add_subcommand("pxe-default", "Change what machines boot when nobody chooses");
  add_help_and_version(*change);
  OptionTable words(*change);
  words.text("LABEL", *label, "", "local, kamethod, or another label of the files")->required();
  words.text("--tftp-root", *root, "DIR", "What the TFTP server serves");
  change->callback([label, root, &chosen] { chosen = [label, root] { return change_default(*root, *label); }; });
}

}  // namespace ka::server
