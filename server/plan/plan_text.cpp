// The plan in the words of the KA method.
#include <algorithm>
#include <cstdio>

#include "base/text.h"
#include "server/plan/plan.h"

namespace ka::server {

namespace {

using wire::FileSystem;
using wire::Partition;

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + escape_bytes(word);
  return text;
}

std::string device(const std::string& disk, int partition) { return "/dev/" + partition_name(disk, partition); }

std::string partition_line(const Partition& p) {
  char type[8];
  std::snprintf(type, sizeof type, "%02x", p.type);
  std::string size = p.size_mib ? std::to_string(*p.size_mib) + " MiB" : "fill";
  return "    Added partition " + std::to_string(p.number) + " : type " + type + ", " + size +
         (p.kind == Partition::Kind::logical ? ", logical" : "") + (p.bootable ? ", bootable" : "") + "\n";
}

std::string file_system_line(const FileSystem& fs) {
  std::string place = fs.type == "swap"        ? "swap"
                      : fs.mount_point.empty() ? "(not mounted, empty)"
                                               : escape_bytes(fs.mount_point);
  std::string used = fs.mount_point.empty() ? "" : " (" + format_size(fs.used) + ")";
  return "     " + device(fs.disk, fs.partition) + " " + place + " " + fs.type + used + "\n";
}

std::string drives_text(const Plan& plan, const PlanInput& input) {
  std::string text = "+ Hard drives :\n";
  for (const wire::Disk& disk : plan.manifest.disks)
    text += "     " + disk.name + " (" + format_size(disk.golden_size) + ")\n";
  for (const wire::Disk& disk : plan.manifest.disks) {
    text += "+ Reading partition table " + std::string(input.descs.count(disk.name) ? "description for " : "of ") +
            disk.name + "\n";
    for (const Partition& p : disk.partitions) text += partition_line(p);
    if (!disk.boot_code.empty()) text += "    Boot code of the master boot record is copied\n";
  }
  return text;
}

std::string boot_loader_text(const wire::BootLoader& loader) {
  std::string text = loader.kind == wire::BootLoader::Kind::none ? "none" : "grub";
  for (const std::string& module : loader.modules) text += " --with=" + module;
  if (loader.kind != wire::BootLoader::Kind::none) text += " (on " + loader.disk + ")";
  return text;
}

}  // namespace

std::string plan_text(const Plan& plan, const PlanInput& input) {
  const wire::Manifest& manifest = plan.manifest;
  std::string text = "+ Mount points :\n";
  std::vector<std::string> included;
  for (const FileSystem& fs : manifest.file_systems) {
    text += file_system_line(fs);
    if (!fs.mount_point.empty()) included.push_back(fs.mount_point);
  }
  text += drives_text(plan, input);
  for (const wire::RawPartition& raw : manifest.raw_partitions)
    text += "+ Byte for byte : " + device(raw.disk, raw.partition) + " (" + format_size(raw.size) + ", session " +
            raw.session + ")\n";
  text += "+ Included mount points : " + joined(included) + "\n";
  if (!plan.excluded.empty()) text += "+ Excluded directories : " + joined(plan.excluded) + "\n";
  for (const Swap& swap : plan.swap_files)
    text += "+ Swap file made anew : " + escape_bytes(swap.path) + " (" + format_size(swap.size) + ")\n";
  if (!plan.not_cloned.empty()) text += "+ Not cloned :\n";
  for (const Plan::NotCloned& item : plan.not_cloned)
    text += "     " + escape_bytes(item.what) + ": " + item.why + "\n";
  std::vector<std::string> hooks;
  for (const wire::Hook& hook : manifest.hooks) hooks.push_back(hook.name);
  if (!hooks.empty()) text += "+ Hooks : " + joined(hooks) + "\n";
  if (manifest.boot_loader) text += "+ Bootloader is: " + boot_loader_text(*manifest.boot_loader) + "\n";
  text += "+ Nodes : " +
          (input.options.only.empty()
               ? "any machine that boots the PXE label becomes one (--only FILE names those that may)"
               : "only the machines in " + escape_bytes(input.options.only)) +
          "\n";
  for (const std::string& warning : plan.warnings) text += "! " + escape_bytes(warning) + "\n";
  return text;
}

}  // namespace ka::server
