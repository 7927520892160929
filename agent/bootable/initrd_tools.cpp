#include "agent/bootable/initrd_tools.h"

#include <algorithm>

#include "base/text.h"

namespace ka::agent {

namespace {

const char* const block_begin = "# KA: drivers of this machine's disks";
const char* const block_end = "# KA: end";

void rewrite(CloneTree& clone, const std::string& file, const std::string& block) {
  clone.write(file, with_block(clone.read(file).value_or(""), block));
}

void configure_initramfs_tools(CloneTree& clone, const std::vector<std::string>& modules) {
  rewrite(clone, "/etc/initramfs-tools/modules", joined(modules, "\n"));
}
void configure_dracut(CloneTree& clone, const std::vector<std::string>& modules) {
  rewrite(clone, "/etc/dracut.conf.d/ka.conf", "add_drivers+=\" " + joined(modules, " ") + " \"");
}
// A shell reads it: whatever the list was, these come to it, also beside the hook autodetect.
void configure_mkinitcpio(CloneTree& clone, const std::vector<std::string>& modules) {
  rewrite(clone, "/etc/mkinitcpio.conf", "MODULES+=(" + joined(modules, " ") + ")");
}
void configure_booster(CloneTree& clone, const std::vector<std::string>& modules) {
  const std::string file = "/etc/booster.yaml";
  clone.write(file, with_booster_modules(clone.read(file).value_or(""), modules));
}

std::vector<Command> rebuild_initramfs_tools(const std::vector<InstalledKernel>&) {
  return {Command({"update-initramfs", "-u", "-k", "all"})};
}
// Each image by its own name, since distributions name them differently; not "host only", since the host that dracut
// sees here is the system that clones.
std::vector<Command> rebuild_dracut(const std::vector<InstalledKernel>& kernels) {
  std::vector<Command> commands;
  for (const InstalledKernel& kernel : kernels)
    commands.push_back(Command({"dracut", "--force", "--no-hostonly", kernel.initrd, kernel.version}));
  return commands;
}
std::vector<Command> rebuild_mkinitcpio(const std::vector<InstalledKernel>&) { return {Command({"mkinitcpio", "-P"})}; }
std::vector<Command> rebuild_booster(const std::vector<InstalledKernel>& kernels) {
  std::vector<Command> commands;
  for (const InstalledKernel& kernel : kernels)
    commands.push_back(Command({"booster", "build", "--force", "--kernel-version", kernel.version, kernel.initrd}));
  return commands;
}

// dracut may come with an update-initramfs of its own, which reads none of initramfs-tools' files.
const InitrdTool tools[] = {
    {"dracut", "dracut", configure_dracut, rebuild_dracut},
    {"initramfs-tools", "update-initramfs", configure_initramfs_tools, rebuild_initramfs_tools},
    {"mkinitcpio", "mkinitcpio", configure_mkinitcpio, rebuild_mkinitcpio},
    {"booster", "booster", configure_booster, rebuild_booster},
};

}  // namespace

const InitrdTool* initrd_tool(const CloneTree& clone) {
  for (const InitrdTool& tool : tools)
    if (clone.has_program(tool.program)) return &tool;
  return nullptr;
}

std::string with_block(std::string_view text, const std::string& block) {
  std::string result;
  bool ours = false;
  for (std::string_view line : split(text, '\n')) {
    if (line == block_begin) ours = true;
    if (!ours) result += std::string(line) + "\n";
    if (line == block_end) ours = false;
  }
  result.pop_back();
  if (!result.empty() && result.back() != '\n') result += '\n';
  return result + block_begin + "\n" + block + "\n" + block_end + "\n";
}

// One list with commas; "universal" is every driver that a disk may need, as on the machines it cannot see from here.
std::string with_booster_modules(std::string_view text, const std::vector<std::string>& modules) {
  std::vector<std::string> all;
  auto add = [&all](std::string_view module) {
    if (!module.empty() && std::find(all.begin(), all.end(), module) == all.end()) all.emplace_back(module);
  };
  std::string result;
  for (std::string_view line : split(text, '\n')) {
    if (line.starts_with("universal:")) continue;
    if (!line.starts_with("modules:")) {
      if (!line.empty()) result += std::string(line) + "\n";
      continue;
    }
    for (std::string_view module : split(line.substr(8), ',')) add(trim(module));
  }
  for (const std::string& module : modules) add(module);
  return result + "universal: true\nmodules: " + joined(all, ",") + "\n";
}

}  // namespace ka::agent
