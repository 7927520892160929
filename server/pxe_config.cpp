#include "server/pxe_config.h"

#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "server/options.h"

namespace ka::server {

namespace {

// The KA method's layout below a TFTP root.
constexpr const char* linux_folder = "/X86PC/linux";

struct TemplateFile {
  std::string_view name;    ///< in the templates' folder
  std::string_view output;  ///< below the output folder
};

constexpr std::string_view pxelinux_template = "pxelinux.default";

constexpr TemplateFile template_files[] = {
    {"readme", "README"},
    {"dhcpd.conf", "dhcpd.conf"},
    {"isc-dhcp-server", "isc-dhcp-server"},
    {"dnsmasq.conf", "dnsmasq.conf"},
    {"dnsmasq-proxy.conf", "dnsmasq-proxy.conf"},
    {"tftpd-hpa", "tftpd-hpa"},
    {"ka-tftp.service", "ka-tftp.service"},
    {"xinetd-tftp", "xinetd-tftp"},
    {"pxe.conf", "pxe.conf"},
    {pxelinux_template, "tftpboot/X86PC/linux/pxelinux.cfg/default"},
    {"messages", "tftpboot/X86PC/linux/messages"},
    {"help.txt", "tftpboot/X86PC/linux/help.txt"},
};

std::string folder_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

/// All that the subcommand's options set.
struct Request {
  PxeRequest values;
  std::string values_file, output = "ka-pxe", templates = installed("share/ka/pxe-config");
  bool with_boot_files = false;
  BootFiles boot_files;
};

void add_value_options(CLI::App& app, PxeRequest& v) {
  auto add = [&app](const char* name, std::string& value, const char* type, const char* help) {
    app.add_option(name, value, help)->type_name(type);
  };
  add("--interface", v.interface, "NAME", "Interface that nodes are on (the one with the default route)");
  add("--server", v.server, "ADDRESS", "Address of this machine for nodes (that of the interface)");
  add("--subnet", v.subnet, "ADDRESS/PREFIX", "Network of the nodes (that of the interface)");
  add("--range", v.range, "FIRST,LAST", "Addresses for nodes (the half of the subnet without the server)");
  add("--gateway", v.gateway, "ADDRESS", "Router for nodes, or none (this machine's)");
  add("--dns", v.dns, "ADDRESS,…", "Name servers for nodes, or none (this machine's)");
  add("--domain", v.domain, "NAME", "Domain of the nodes, or none (this machine's)");
  add("--host-prefix", v.host_prefix, "NAME",
      "A node without a name is called NAME and the last number of its address; or none (node)");
  add("--tftp-root", v.tftp_root, "DIR", "What the TFTP server serves (/var/lib/tftpboot)");
  add("--efi-loader", v.efi_loader, "PATH", "Boot file for UEFI machines, below the TFTP root (none)");
  add("--default", v.default_label, "LABEL", "What boots when nobody chooses: local, kamethod, kashell (local)");
  add("--timeout", v.timeout, "SECONDS", "How long machines wait for a choice (5)");
  add("--serial", v.serial, "'PORT SPEED'", "Serial line of the nodes that is a console too: '0 115200'");
  add("--append", v.append, "'WORDS'", "More words for the kernel command line of kamethod");
}

int run_pxe_config(CLI::App& app, Request& request) {
  ::umask(022);  // a TFTP server is another user, who must reach the files
  if (!request.values_file.empty()) apply_conf(app, read_file(request.values_file), request.values_file);
  PxeValues values = pxe_values(request.values, network_facts(request.values.interface));
  write_pxe_config(request.templates, request.output, values);
  if (request.with_boot_files) install_boot_files(request.boot_files, request.output + "/tftpboot");
  std::printf("%s: boot servers on %s (%s), nodes get %s … %s; %s/README says which file goes where\n",
              request.output.c_str(), values["SERVER"].c_str(), values["INTERFACE"].c_str(), values["FIRST"].c_str(),
              values["LAST"].c_str(), request.output.c_str());
  return 0;
}

void copy_file(const std::string& from, const std::string& to, const std::string& remedy) {
  std::string content;
  try {
    content = read_file(from, std::size_t{1} << 30);
  } catch (const Error& error) {
    throw Error(error.what(), remedy);
  }
  write_file(to, content);  // world-readable: tftpd serves nothing else
}

}  // namespace

void write_pxe_config(const std::string& templates, const std::string& output, const PxeValues& values) {
  std::vector<std::pair<std::string, std::string>> files;
  for (const TemplateFile& file : template_files) {
    std::string source = templates + "/" + std::string(file.name);
    std::string content = fill_template(read_file(source), values, source);
    // A default that no label has would leave every machine at the prompt.
    if (file.name == pxelinux_template) content = with_default_label(content, values.at("DEFAULT"));
    files.emplace_back(output + "/" + std::string(file.output), std::move(content));
  }
  for (const auto& [path, content] : files) {
    make_directories(folder_of(path));
    write_file(path, content);
  }
}

void install_boot_files(const BootFiles& files, const std::string& tftp_root) {
  std::string folder = tftp_root + linux_folder;
  make_directories(folder + "/images");
  copy_file(files.pxelinux, folder + "/linux.0", "it is in Debian's package pxelinux");
  copy_file(files.ldlinux, folder + "/ldlinux.c32", "it is in Debian's package syslinux-common");
  for (const char* image : {"vmlinuz", "all.rdz"})
    copy_file(files.images + "/" + image, folder + "/images/" + image,
              "make initramfs makes it, make install installs it");
}

void add_pxe_config_command(CLI::App& app, std::function<int()>& chosen) {
  auto request = std::make_shared<Request>();
  CLI::App* config = app.add_subcommand("pxe-config", "Write configuration for PXE, DHCP and TFTP servers");
  config->add_option("--output", request->output, "Where to write it (ka-pxe)")->type_name("DIR")->configurable(false);
  config
      ->add_option("--values", request->values_file, "Read values from FILE: NAME = VALUE, by the names of the options")
      ->type_name("FILE")
      ->configurable(false);
  config->add_option("--templates", request->templates, "Templates (" + request->templates + ")")
      ->type_name("DIR")
      ->configurable(false);
  add_value_options(*config, request->values);
  config->add_flag("--install-boot-files", request->with_boot_files,
                   "Also fill DIR/tftpboot with pxelinux, kernel and all.rdz");
  config
      ->add_option("--boot-files", request->boot_files.images,
                   "Where vmlinuz and all.rdz are (" + request->boot_files.images + ")")
      ->type_name("DIR");
  config->callback(
      [config, request, &chosen] { chosen = [config, request] { return run_pxe_config(*config, *request); }; });

  auto label = std::make_shared<std::string>();
  auto file = std::make_shared<std::string>(std::string("/var/lib/tftpboot") + linux_folder + "/pxelinux.cfg/default");
  CLI::App* change = app.add_subcommand("pxe-default", "Change what machines boot when nobody chooses");
  change->add_option("LABEL", *label, "local, kamethod, or another label of the file")->required();
  change->add_option("--file", *file, "pxelinux configuration (" + *file + ")")->type_name("FILE");
  change->callback([label, file, &chosen] {
    chosen = [label, file] {
      write_file(*file, with_default_label(read_file(*file), *label));
      std::printf("%s: DEFAULT %s\n", file->c_str(), label->c_str());
      return 0;
    };
  });
}

}  // namespace ka::server
