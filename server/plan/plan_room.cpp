// Whether what is cloned fits where it goes, with all that the last steps of a clone write there.
#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/text.h"
#include "server/golden/paths.h"
#include "server/logs/log_folder.h"
#include "server/plan/plan_draft.h"
#include "wire/storage/place.h"

namespace ka::server {

namespace {

using storage::mib;
using storage::Node;

// GRUB's modules, which are renamed before the new ones are written, its translations and fonts.
constexpr std::uint64_t grub_files = 12 * mib;
constexpr std::uint64_t log_and_keys = mib;
// The tools unpack an initrd's content before they pack it.
constexpr std::uint64_t unpacked_initrd = 4;

// The mount that a path lies in.
const wire::Mount* holder_of(const wire::Manifest& manifest, const std::string& path) {
  const wire::Mount* holder = nullptr;
  for (const wire::Mount& mount : manifest.mounts)
    if (lies_in(path, mount.point) && (holder == nullptr || mount.point.size() > holder->point.size())) holder = &mount;
  return holder;
}

storage::Usage& usage_of(wire::Manifest& manifest, const wire::Mount& mount) {
  auto& nodes = manifest.storage.nodes;
  auto found = std::find_if(nodes.begin(), nodes.end(), [&](const Node& node) { return node.id == mount.fs; });
  return *storage::usage_of(*found);
}

// An array and what is encrypted have what is below them.
storage::Size golden_size(const Node& device) {
  if (const storage::Size* size = storage::size_of(device)) return *size;
  const auto* raid = storage::get<storage::Raid>(&device);
  const auto* crypt = storage::get<storage::Crypt>(&device);
  return {raid ? raid->bytes : crypt ? crypt->bytes : 0, true, false};
}

// Where the file system of a mount does not fit: a refusal or a warning.
void check_fits(const Plan& plan, const wire::Mount& mount, std::vector<std::string>& refusals,
                std::vector<std::string>& warnings) {
  const storage::Storage& storage = plan.manifest.storage;
  const Node& content = storage.at(mount.fs);
  const Node& device = storage.at(content.on.front());
  const storage::Size size = golden_size(device);
  const std::uint32_t sector = storage::as<storage::Disk>(storage::disk_below(storage, device)).sector;
  // How large the fill of a desc will be is not known before the node.
  if (size.bytes == 0 || storage::fits(content, {size.bytes, sector})) return;
  const std::string needs = mount.point + " holds " + format_size(storage::usage_of(content)->bytes) + " and needs " +
                            format_size(storage::least(content, sector)) +
                            " with its own tables and what the last steps of a clone write there";
  if (size.fill)
    warnings.push_back(needs + ": a disk of this size is too small (" + device.id + " has " + format_size(size.bytes) +
                       " here)");
  else
    refusals.push_back(device.id + " gets " + std::to_string(size.bytes / mib) + " MiB, but " + needs +
                       ": give it more, or leave something out with -x");
}

// What is left out needs no room. What lies there once and is seen twice (reflinks, snapshots that are files here) is
// written twice; what lies there packed is written packed.
void measure(Plan& plan, const Survey& survey, const wire::Mount& mount) {
  storage::Usage& used = usage_of(plan.manifest, mount);
  Survey::Total sum;
  for (const wire::Mount& part : plan.manifest.mounts)
    if (auto total = survey.totals.find(part.point); part.fs == mount.fs && total != survey.totals.end()) {
      sum.bytes += total->second.bytes;
      sum.inodes += total->second.inodes;
    }
  if (!storage::rule(plan.manifest.storage.at(mount.fs)).has_subvolume) {
    used.bytes = std::min(used.bytes, sum.bytes);
    used.inodes = std::min(used.inodes, sum.inodes);
    return;
  }
  constexpr std::uint32_t packed_flag = 0x4;  // c of chattr
  auto has_packed = [](const wire::InodeFlags& group) { return (group.flags & packed_flag) != 0; };
  const bool packed = mount.options.find("compress") != std::string::npos ||
                      std::any_of(survey.inode_flags.begin(), survey.inode_flags.end(), has_packed);
  if (sum.bytes > used.bytes + used.bytes / 20 + 16 * mib)
    plan.warnings.push_back(
        mount.point + ": its files have " + format_size(sum.bytes) + ", and take " + format_size(used.bytes) +
        " on this disk: " + (packed ? "they are packed, or share their data (reflinks)" : "they share their data") +
        "; what is shared is written to the clones as often as it is seen");
  used.bytes = packed ? std::min(used.bytes, sum.bytes) : sum.bytes;
  used.inodes = sum.inodes;
}

std::string shortened(const std::string& path) {
  constexpr std::size_t most = 200;
  return escape_bytes(path.size() <= most ? path : path.substr(0, most)) + (path.size() <= most ? "" : "...");
}

}  // namespace

Survey survey_of(const Plan& plan, const std::string& root, const std::string& apart) {
  std::vector<std::string> points;
  Apart other{apart, {}, plan.unseen};
  for (const wire::Mount& mount : plan.manifest.mounts)
    (mount.apart ? other.mount_points : points).push_back(mount.point);
  return survey(root, points, plan.excluded, other);
}

void add_needs(PlanDraft& draft) {
  wire::Manifest& manifest = draft.plan.manifest;
  const GoldenBoot& boot = draft.golden.boot;
  auto need = [&manifest](const std::string& path, std::uint64_t bytes) {
    if (const wire::Mount* mount = holder_of(manifest, path)) usage_of(manifest, *mount).later += bytes;
  };
  need("/etc", log_and_keys);
  need(draft.options.log_directory, log_and_keys);
  if (manifest.boot_loader->kind == wire::BootLoader::Kind::grub) need("/boot/grub", grub_files);
  if (boot.makes_initrds) {
    need("/boot", boot.largest_initrd);
    need("/var/tmp", boot.largest_initrd * unpacked_initrd);
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
    if (path == log_folder) continue;  // left out whether or not it is there
    std::string text = "-x " + path + ": there is no such directory";
    if (plan.excluded_by_conf.count(path))
      plan.warnings.push_back(text + " (a line of ka.conf)");
    else
      refusals.push_back(text);
  }
  for (const Survey::Problem& problem : survey.problems)
    refusals.push_back(shortened(problem.path) + ": " + problem.why + "; -x DIR leaves out a directory that holds it");
  std::set<storage::Id> measured;
  for (const wire::Mount& mount : plan.manifest.mounts) {
    if (!measured.insert(mount.fs).second) continue;
    measure(plan, survey, mount);
    check_fits(plan, mount, refusals, plan.warnings);
  }
  if (!refusals.empty()) throw Refusal(refusals, plan.warnings);
  wire::check(plan.manifest);
}

}  // namespace ka::server
