#include "wire/storage/place.h"

#include <algorithm>

#include "base/error.h"

namespace ka::storage {

Places place(const Storage& storage, const std::map<Id, Ground>& disks, const std::set<Id>& anew) {
  Placing placing{storage, anew, {}};
  for (const Node& node : storage.nodes) {
    if (node.on.empty()) {
      auto disk = disks.find(node.id);
      if (disk == disks.end()) throw Error("place the golden " + node.id, "no disk takes its place");
      placing.places[node.id] = {0, disk->second};
    }
    const Rule& kind = rule(node);
    if (!placing.places.count(node.id)) placing.places[node.id] = placing.places.at(node.on.front());
    if (kind.hand_out) kind.hand_out(placing, node);
  }
  return std::move(placing.places);
}

std::map<Id, Ground> golden_disks(const Storage& storage) {
  std::map<Id, Ground> disks;
  for (const Node* node : all<Disk>(storage)) disks[node->id] = {as<Disk>(*node).bytes, as<Disk>(*node).sector};
  return disks;
}

bool fits(const Node& content, const Ground& ground) {
  const std::uint64_t room = rule(content).room(content, ground);
  return room > 0 && room >= rule(content).need(content);
}

std::uint64_t least(const Node& content, std::uint32_t sector, bool spare) {
  const Rule& kind = rule(content);
  if (kind.room(content, {largest_size, sector}) == 0)
    throw Error("make the golden " + content.on.front() + " (" + kind.text(content) + ")",
                "its blocks are smaller than the sectors of the disk here, which have " + std::to_string(sector) +
                    " bytes; choose a disk with smaller ones");
  const std::uint64_t need = std::max<std::uint64_t>(kind.need(content) + (spare ? kind.need(content) / 10 : 0), 1);
  std::uint64_t too_little = 0, enough = largest_size / mib;
  while (enough - too_little > 1) {
    const std::uint64_t middle = too_little + (enough - too_little) / 2;
    (kind.room(content, {middle * mib, sector}) >= need ? enough : too_little) = middle;
  }
  return enough * mib;
}

}  // namespace ka::storage
