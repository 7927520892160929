// The plan in the words of the KA method.
#include <algorithm>
#include <set>

#include "base/text.h"
#include "server/plan/plan.h"
#include "wire/degraded.h"
#include "wire/storage/place.h"
#include "wire/storage/rule.h"
#include "wire/storage/tree_text.h"
#include "wire/storage/types.h"

namespace ka::server {

namespace {

using storage::Node;
using storage::Partition;

std::string listed(const std::vector<std::string>& words) { return escape_bytes(joined(words, " ")); }

// Of a DOS table two digits; of a GPT a word, where there is one.
std::string type_text(storage::Label label, const std::string& type) {
  if (label == storage::Label::dos) return (type.size() == 1 ? "0" : "") + type;
  const storage::PartitionType* known = storage::find_type(label, type);
  return known ? known->word : type;
}

std::string partition_line(storage::Label label, const Partition& p) {
  std::string size = p.size.fill ? "fill" : std::to_string(storage::round_up_to_mib(p.size.bytes)) + " MiB";
  return "    Added partition " + std::to_string(p.number) + " : type " + type_text(label, p.type) + ", " + size +
         (p.size.shrinks ? ", may shrink" : "") + (p.role == storage::Role::logical ? ", logical" : "") +
         (p.active ? ", bootable" : "") + (p.name.empty() ? "" : ", \"" + escape_bytes(p.name) + "\"") + "\n";
}

std::string content_line(const Node& content, const std::string& place) {
  const storage::Usage* usage = place.front() == '/' ? storage::usage_of(content) : nullptr;
  return "     /dev/" + content.on.front() + " " + place + " " + storage::rule(content).text(content) +
         (usage ? " (" + format_size(usage->bytes) + ")" : "") + "\n";
}

// What is mounted, in its order; then what is made without files.
std::string contents_text(const wire::Manifest& manifest) {
  std::string text;
  std::set<storage::Id> mounted;
  for (const wire::Mount& mount : manifest.mounts) {
    const Node& content = manifest.storage.at(mount.fs);
    if (mounted.insert(mount.fs).second)
      text += content_line(content, escape_bytes(mount.point));
    else if (!mount.apart)
      text += "     /dev/" + content.on.front() + " " + escape_bytes(mount.point) + " subvolume " +
              (mount.subvolume.empty() ? "/" : escape_bytes(mount.subvolume)) + "\n";
  }
  for (const Node& node : manifest.storage.nodes) {
    const storage::Rule& kind = storage::rule(node);
    if (kind.sort != storage::Sort::content || kind.comes_by_stream || mounted.count(node.id)) continue;
    text += content_line(node, kind.holds_files ? "(not mounted, empty)" : kind.text(node));
  }
  return text;
}

std::string drives_text(const Plan& plan, const PlanInput& input) {
  const storage::Storage& storage = plan.manifest.storage;
  std::string text = "+ Hard drives :\n";
  const auto disks = storage::all<storage::Disk>(storage);
  for (const Node* disk : disks)
    text += "     " + disk->id + " (" + format_size(storage::as<storage::Disk>(*disk).bytes) + ")\n";
  for (const Node* disk : disks) {
    if (!storage::table_on(storage, *disk)) continue;
    text += "+ Reading partition table " + std::string(input.descs.count(disk->id) ? "description for " : "of ") +
            disk->id + "\n";
    const Node& table = *storage::table_on(storage, *disk);
    const storage::Label label = storage::as<storage::Table>(table).label;
    for (const Node* p : storage.on(table.id)) text += partition_line(label, storage::as<Partition>(*p));
    if (!storage::as<storage::Disk>(*disk).boot_code.empty())
      text += "    Boot code of the master boot record is copied\n";
  }
  return text;
}

// As lsblk has it; where partitions are all, the lines above say it.
std::string tree(const Plan& plan) {
  const auto& nodes = plan.manifest.storage.nodes;
  auto is_layer = [](const Node& node) {
    return storage::rule(node).joined != nullptr || storage::rule(node).least_below != nullptr;
  };
  if (std::none_of(nodes.begin(), nodes.end(), is_layer)) return "";
  std::string text = "+ Storage :\n";
  for (const std::string& line : plan_tree(plan.manifest.storage)) text += "     " + line + "\n";
  return text;
}

// --degraded: of each drive, what it would be without it.
std::string degraded_text(const wire::Manifest& manifest) {
  if (!manifest.degraded) return "";
  std::string text = "+ Nodes with fewer drives :\n";
  for (const Node* disk : storage::all<storage::Disk>(manifest.storage)) {
    const std::string why = wire::why_not_missing(manifest, {disk->id});
    text +=
        "     " + disk->id + " " +
        (why.empty() ? "may be missing: degraded then " + joined(wire::arrays_on(manifest.storage, disk->id), ", ") +
                           ", each completed on the node by mdadm /dev/... --add DEVICE"
                     : "must be there: " + escape_bytes(why)) +
        "\n";
  }
  return text;
}

std::string boot_loader_text(const wire::BootLoader& loader) {
  std::string text = wire::loader_names[static_cast<std::size_t>(loader.kind)];
  for (const std::string& module : loader.modules) text += " --with=" + module;
  if (loader.kind != wire::BootLoader::Kind::none) text += " (on " + loader.disk + ")";
  return text;
}

}  // namespace

// In the places that it has on the golden disks.
std::vector<std::string> plan_tree(const storage::Storage& storage) {
  storage::Places places;
  try {
    places = storage::place(storage, storage::golden_disks(storage));
  } catch (const Error&) {  // by a desc, for larger disks than these
  }
  return storage::tree_text(storage, places);
}

std::string plan_text(const Plan& plan, const PlanInput& input) {
  const wire::Manifest& manifest = plan.manifest;
  std::string text = "+ Mount points :\n";
  std::vector<std::string> included;
  for (const wire::Mount& mount : manifest.mounts)
    if (!mount.apart) included.push_back(mount.point);
  text += contents_text(manifest);
  text += drives_text(plan, input);
  text += tree(plan);
  text += degraded_text(manifest);
  for (const wire::Stream& stream : manifest.streams) {
    const Node& content = manifest.storage.at(stream.of);
    text += "+ Block by block : /dev/" + content.on.front() + " " + storage::rule(content).text(content);
    if (auto bytes = plan.expected_blocks.find(content.id); bytes != plan.expected_blocks.end())
      text += ", of which " + format_size(bytes->second) + " are sent";
    text += " (session " + stream.session + ")\n";
  }
  text += "+ Included mount points : " + listed(included) + "\n";
  if (!plan.excluded.empty()) text += "+ Excluded directories : " + listed(plan.excluded) + "\n";
  for (const Swap& swap : plan.swap_files)
    text += "+ Swap file made anew : " + escape_bytes(swap.path) + " (" + format_size(swap.size) + ")\n";
  if (!plan.not_cloned.empty()) text += "+ Not cloned :\n";
  for (const Plan::NotCloned& item : plan.not_cloned)
    text += "     " + escape_bytes(item.what) + ": " + item.why + "\n";
  std::vector<std::string> hooks;
  for (const wire::Hook& hook : manifest.hooks) hooks.push_back(hook.name);
  if (!hooks.empty()) text += "+ Hooks : " + listed(hooks) + "\n";
  if (!manifest.identity.keep.empty()) text += "+ Kept of the identity : " + listed(manifest.identity.keep) + "\n";
  if (!manifest.identity.renew.empty()) text += "+ Renewed besides : " + listed(manifest.identity.renew) + "\n";
  if (const auto& uefi = manifest.boot.uefi)
    text += "+ Starts by UEFI : " + escape_bytes(uefi->entries.front().path) + " on /dev/" +
            manifest.storage.at(uefi->esps.front()).on.front() + " (\"" + printable(uefi->entries.front().label) +
            "\", " + boot::order_names[static_cast<int>(manifest.boot.order)] + ")\n";
  if (manifest.boot_loader) text += "+ Bootloader is: " + boot_loader_text(*manifest.boot_loader) + "\n";
  for (const boot::Trail& trail : plan.boots) text += "+ The clones start : " + trail.summary() + "\n";
  text += "+ Nodes : " +
          (input.options.only.empty()
               ? "any machine that boots the PXE label becomes one (--only FILE names those that may)"
               : "only the machines in " + escape_bytes(input.options.only)) +
          "\n";
  for (const std::string& warning : plan.warnings) text += "! " + escape_bytes(warning) + "\n";
  return text;
}

}  // namespace ka::server
