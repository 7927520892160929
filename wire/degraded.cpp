#include "wire/degraded.h"

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "wire/storage/labels.h"
#include "wire/storage/raid.h"

namespace ka::wire {

namespace {

using storage::Id;
using storage::Node;
using storage::Raid;

std::string with_kind(const Node& node) { return node.id + " (" + storage::rule(node).text(node) + ")"; }

// A storage without some of its disks.
class Cut {
 public:
  Cut(const storage::Storage& whole, const std::set<Id>& disks) : whole_(whole) {
    for (const Node& node : whole.nodes) {
      auto is_lost = [this](const Id& id) { return lost_.count(id) > 0; };
      const bool touched = disks.count(node.id) > 0 || std::any_of(node.on.begin(), node.on.end(), is_lost);
      std::optional<Node> left = touched ? array_without_legs(node) : node;
      if (left)
        left_.nodes.push_back(std::move(*left));
      else
        lost_.insert(node.id);
    }
  }

  // What is lost that is more than a leg; "": nothing.
  std::string objection() const {
    for (const Node& node : whole_.nodes)
      if (lost_.count(node.id) && !is_part_of_leg(node)) return reason(node);
    return "";
  }

  storage::Storage take() { return std::move(left_); }

 private:
  // Spares take the places of legs that are missing. nullopt: it is no array, or one that cannot be without so many.
  std::optional<Node> array_without_legs(const Node& node) const {
    const Raid* golden = storage::get<Raid>(&node);
    if (!golden) return std::nullopt;
    Raid raid = *golden;
    std::vector<Id> legs, spares;
    for (std::size_t i = 0; i < node.on.size(); ++i) {
      const bool here = lost_.count(node.on[i]) == 0, is_leg = i < raid.slots;
      if (here) (is_leg ? legs : spares).push_back(node.on[i]);
      if (!here && is_leg) raid.empty_slots.push_back(static_cast<std::uint32_t>(i));
    }
    while (!raid.empty_slots.empty() && !spares.empty()) {
      // The legs before it are all there.
      legs.insert(legs.begin() + raid.empty_slots.front(), spares.front());
      spares.erase(spares.begin());
      raid.empty_slots.erase(raid.empty_slots.begin());
    }
    if (!storage::bears_empty_slots(raid)) return std::nullopt;
    legs.insert(legs.end(), spares.begin(), spares.end());
    return Node{node.id, std::move(legs), node.links, std::move(raid)};
  }

  // It holds nothing by itself, and what stands on it is an array that goes on, or such a part again.
  bool is_part_of_leg(const Node& node) const {
    if (const auto* disk = storage::get<storage::Disk>(&node); disk && !disk->boot_code.empty()) return false;
    if (is_boot_place(node)) return true;
    const bool passes_on = storage::get<storage::Disk>(&node) || storage::get<storage::Table>(&node) ||
                           storage::get<storage::Partition>(&node) || storage::get<storage::Crypt>(&node) ||
                           storage::get<Raid>(&node);
    return passes_on && !whole_.on(node.id).empty();
  }

  // Partitions without a content: what holds others, and where GRUB goes on each leg's disk.
  static bool is_boot_place(const Node& node) {
    const auto* partition = storage::get<storage::Partition>(&node);
    return partition && (partition->role == storage::Role::extended || partition->type == storage::bios_boot_guid);
  }

  // By the array that it is lost with, or by itself.
  std::string reason(const Node& node) const {
    for (const Node* below : storage::all_below(whole_, node))
      if (lost_.count(below->id) && storage::get<Raid>(below)) return with_kind(*below) + " cannot do without it";
    if (storage::get<storage::Disk>(&node))
      return whole_.on(node.id).empty() ? "it is no leg of an array" : "it has boot code of its own";
    if (storage::rule(node).sort == storage::Sort::content)
      return node.on.front() + " (" + storage::rule(node).text(node) + ") is on it";
    return with_kind(node) + " is on it";
  }

  const storage::Storage& whole_;
  storage::Storage left_;
  std::set<Id> lost_;
};

// Of the disks that GRUB goes to, one must be there; the others have no other.
bool has_boot_disk(const Manifest& manifest, const std::set<Id>& missing) {
  const auto& loader = manifest.boot_loader;
  if (!loader || loader->kind == BootLoader::Kind::none || !missing.count(loader->disk)) return true;
  auto is_there = [&missing](const Id& disk) { return missing.count(disk) == 0; };
  const auto& bios = manifest.boot.bios;
  return bios && std::any_of(bios->disks.begin(), bios->disks.end(), is_there);
}

std::string objection(const Manifest& manifest, const Cut& cut, const std::set<Id>& disks) {
  const std::string why = cut.objection();
  if (!why.empty() || has_boot_disk(manifest, disks)) return why;
  return std::string(loader_names[static_cast<std::size_t>(manifest.boot_loader->kind)]) + " would have no disk";
}

}  // namespace

std::string why_not_missing(const Manifest& manifest, const std::set<storage::Id>& disks) {
  return objection(manifest, Cut(manifest.storage, disks), disks);
}

MissingDisks choose_missing(const Manifest& manifest, const std::vector<storage::Id>& disks, std::size_t count) {
  MissingDisks missing;
  std::set<Id> chosen;
  for (auto disk = disks.rbegin(); disk != disks.rend() && chosen.size() < count; ++disk) {
    std::set<Id> more = chosen;
    more.insert(*disk);
    if (std::string why = why_not_missing(manifest, more); why.empty())
      chosen = std::move(more);
    else
      missing.why_not.insert(missing.why_not.begin(), *disk + ": " + why);
  }
  if (chosen.size() == count) missing.why_not.clear();
  missing.disks = std::move(chosen);
  return missing;
}

void leave_out(Manifest& manifest, const std::set<storage::Id>& missing) {
  if (missing.empty()) return;
  Cut cut(manifest.storage, missing);
  if (const std::string why = objection(manifest, cut, missing); !why.empty())
    throw Error("make the clone without the golden " + *missing.begin(), why);
  manifest.storage = cut.take();
  if (auto& bios = manifest.boot.bios)
    std::erase_if(bios->disks, [&missing](const Id& disk) { return missing.count(disk) > 0; });
  auto& loader = manifest.boot_loader;
  if (loader && missing.count(loader->disk) && manifest.boot.bios) loader->disk = manifest.boot.bios->disks.front();
  check(manifest);
}

std::vector<storage::Id> arrays_on(const storage::Storage& storage, const storage::Id& disk) {
  std::vector<Id> arrays;
  for (const Node* array : storage::all<Raid>(storage)) {
    const auto disks = storage::disks_below(storage, *array);
    auto is_it = [&disk](const Node* one) { return one->id == disk; };
    if (std::any_of(disks.begin(), disks.end(), is_it)) arrays.push_back(array->id);
  }
  return arrays;
}

std::vector<std::string> degraded_text(const storage::Storage& storage) {
  std::vector<std::string> lines;
  for (const Node* array : storage::all<Raid>(storage)) {
    const Raid& raid = storage::as<Raid>(*array);
    if (raid.empty_slots.empty()) continue;
    lines.push_back(array->id + " is made with " + std::to_string(raid.slots - raid.empty_slots.size()) + " of its " +
                    std::to_string(raid.slots) + " legs; mdadm /dev/" + array->id + " --add DEVICE completes it");
  }
  return lines;
}

}  // namespace ka::wire
