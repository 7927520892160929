// Whether what is cloned fits where it goes, with all that the last steps of a clone write there.
#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "server/golden/paths.h"
#include "server/plan/plan_draft.h"
#include "wire/ext.h"

namespace ka::server {

namespace {

using wire::FileSystem;
using wire::Partition;

constexpr std::uint64_t mib = 1024 * 1024;
// GRUB's modules, which are renamed before the new ones are written, its translations and fonts.
constexpr std::uint64_t grub_files = 12 * mib;
constexpr std::uint64_t log_and_keys = mib;
// The tools unpack an initrd's content before they pack it.
constexpr std::uint64_t unpacked_initrd = 4;

FileSystem* holder_of(wire::Manifest& manifest, const std::string& path) {
  FileSystem* holder = nullptr;
  for (FileSystem& fs : manifest.file_systems) {
    if (!fs.mount_point.empty() && lies_in(path, fs.mount_point) &&
        (holder == nullptr || fs.mount_point.size() > holder->mount_point.size()))
      holder = &fs;
  }
  return holder;
}

// The size that a file system will have: of the desc, or as it is here (nullopt in a desc: not known before the node).
std::optional<std::uint64_t> size_of(const Plan& plan, const FileSystem& fs, bool& fills) {
  for (const wire::Disk& disk : plan.manifest.disks) {
    for (const Partition& p : disk.partitions) {
      if (disk.name != fs.disk || p.number != fs.partition) continue;
      fills = !p.size_mib;
      if (p.size_mib) return *p.size_mib * mib;
      auto here = plan.sizes_here.find(partition_name(disk.name, p.number));
      if (here != plan.sizes_here.end()) return here->second;
    }
  }
  return std::nullopt;
}

std::string shortened(const std::string& path) {
  constexpr std::size_t most = 200;
  return escape_bytes(path.size() <= most ? path : path.substr(0, most)) + (path.size() <= most ? "" : "...");
}

}  // namespace

void add_needs(PlanDraft& draft) {
  wire::Manifest& manifest = draft.plan.manifest;
  const GoldenBoot& boot = draft.golden.boot;
  auto need = [&manifest](const std::string& path, std::uint64_t bytes) {
    if (FileSystem* fs = holder_of(manifest, path)) fs->needed_later += bytes;
  };
  need("/etc", log_and_keys);
  need(draft.options.log_directory, log_and_keys);
  if (manifest.boot_loader->kind == wire::BootLoader::Kind::grub) need("/boot/grub", grub_files);
  if (boot.makes_initrds) {
    need("/boot", boot.largest_initrd);
    need("/var/tmp", boot.largest_initrd * unpacked_initrd);
  }
  for (const wire::Disk& disk : manifest.disks) {
    if (draft.input.descs.count(disk.name)) continue;
    for (const Partition& p : disk.partitions) {
      const std::string name = partition_name(disk.name, p.number);
      if (const BlockDevice* device = draft.device(name)) draft.plan.sizes_here[name] = device->size;
    }
  }
}

void add_survey(Plan& plan, const Survey& survey) {
  plan.manifest.sockets = survey.sockets;
  plan.manifest.bare_directories = survey.bare_directories;
  plan.manifest.inode_flags = survey.inode_flags;
  plan.expected = survey.stream_bytes;
  for (const Swap& swap : plan.swap_files) plan.expected -= std::min(plan.expected, swap.size);
  std::vector<std::string> refusals;
  for (const std::string& path : survey.missing) {
    std::string text = "-x " + path + ": there is no such directory";
    if (plan.excluded_by_conf.count(path))
      plan.warnings.push_back(text + " (a line of ka.conf)");
    else
      refusals.push_back(text);
  }
  for (const Survey::Problem& problem : survey.problems)
    refusals.push_back(shortened(problem.path) + ": " + problem.why + "; -x DIR leaves out a directory that holds it");
  for (FileSystem& fs : plan.manifest.file_systems) {
    auto total = survey.totals.find(fs.mount_point);
    if (total == survey.totals.end()) continue;
    // What is left out needs no room.
    fs.used = std::min(fs.used, total->second.bytes);
    fs.inodes_used = std::min(fs.inodes_used, total->second.inodes);
    bool fills = false;
    auto size = size_of(plan, fs, fills);
    if (!size || wire::ext_need(fs, *size) <= *size) continue;
    const std::string needs = fs.mount_point + " holds " + format_size(fs.used) + " and needs " +
                              format_size(wire::ext_need(fs, *size)) +
                              " with its own tables and what the last steps of a clone write there";
    const std::string name = partition_name(fs.disk, fs.partition);
    if (fills)
      plan.warnings.push_back(needs + ": a disk of this size is too small (" + name + " has " + format_size(*size) +
                              " here)");
    else
      refusals.push_back(name + " gets " + std::to_string(*size / mib) + " MiB, but " + needs +
                         ": give it more, or leave something out with -x");
  }
  if (!refusals.empty()) throw Refusal(refusals, plan.warnings);
  wire::check(plan.manifest);
}

}  // namespace ka::server
