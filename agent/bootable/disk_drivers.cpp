#include "agent/bootable/disk_drivers.h"

#include <algorithm>

#include "base/text.h"
#include "wire/boot/initrd_content.h"

namespace ka::agent {

namespace {

// modules.dep has "PATH: PATHS", modules.builtin has "PATH".
std::set<std::string> modules_in(const std::string& text) {
  std::set<std::string> names;
  for (std::string_view line : split(text, '\n')) {
    std::string name = boot::module_of(line.substr(0, line.find(':')));
    if (!name.empty()) names.insert(std::move(name));
  }
  return names;
}

std::string initrd_of(const CloneTree& clone, const std::string& version) {
  for (const std::string& path : boot::initrds_of(version))
    if (clone.exists(path)) return path;
  return "";
}

}  // namespace

std::vector<InstalledKernel> installed_kernels(const CloneTree& clone) {
  std::vector<InstalledKernel> kernels;
  for (const std::string& version : clone.list("/lib/modules")) {
    std::string directory = "/lib/modules/" + version;
    auto modules = clone.read(directory + "/modules.dep");
    if (!modules) continue;
    InstalledKernel kernel;
    kernel.version = version;
    kernel.modules = modules_in(*modules);
    kernel.built_in = modules_in(clone.read(directory + "/modules.builtin").value_or(""));
    kernel.initrd = initrd_of(clone, version);
    kernels.push_back(std::move(kernel));
  }
  return kernels;
}

std::string modprobe_conf(const std::vector<std::string>& modules) {
  std::string text = "# Drivers of this machine's disks, found when KA cloned it.\n";
  int number = 0;
  for (const std::string& module : modules) {
    if (module == "sd_mod") continue;  // the disk on the adapter, not the adapter
    text += "alias scsi_hostadapter" + (number ? std::to_string(number) : "") + " " + module + "\n";
    ++number;
  }
  return text;
}

void write_modprobe_conf(CloneTree& clone, Log& log, const std::vector<std::string>& modules) {
  if (!clone.is_directory("/etc/modprobe.d")) {
    log.line(" - The clone has no /etc/modprobe.d: no modprobe configuration");
    return;
  }
  log.line(" - Writing modprobe.conf");
  std::string text = modprobe_conf(modules);
  clone.write("/etc/modprobe.d/ka.conf", text);
  log.line("********************");
  for (std::string_view line : split(trim(text), '\n'))
    if (line[0] != '#') log.line(line);
  log.line("********************");
}

}  // namespace ka::agent
