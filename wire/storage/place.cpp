#include "wire/storage/place.h"

#include <algorithm>

#include "base/error.h"

namespace ka::storage {

namespace {

std::vector<Ground> grounds_below(const Places& places, const Node& node) {
  std::vector<Ground> grounds;
  for (const Id& id : node.on) grounds.push_back(places.at(id).ground);
  return grounds;
}

Place joined(const Places& places, const Node& node) {
  const Ground ground = rule(node).joined(node, grounds_below(places, node));
  if (ground.bytes == 0)
    throw Error("make the golden " + node.id + " (" + rule(node).text(node) + ")",
                "what it stands on is too small here");
  return {0, ground};
}

// The fewest bytes, in whole MiB, that do: found by halving, as larger ones do, too.
template <typename Does>
std::uint64_t fewest(Does does) {
  std::uint64_t too_little = 0, enough = largest_size / mib;
  while (enough - too_little > 1) {
    const std::uint64_t middle = too_little + (enough - too_little) / 2;
    (does(middle * mib) ? enough : too_little) = middle;
  }
  return enough * mib;
}

// The least size that each device below must have, all of them alike, for a device of so many bytes.
std::uint64_t least_leg(const Node& device, std::uint64_t bytes, std::uint32_t sector) {
  return fewest([&](std::uint64_t leg) {
    const std::vector<Ground> legs(device.on.size(), Ground{leg, sector});
    return rule(device).joined(device, legs).bytes >= bytes;
  });
}

std::uint64_t least_for(const Storage& storage, const Node& above, const Id& device, std::uint32_t sector, bool spare) {
  const Rule& kind = rule(above);
  if (kind.sort == Sort::content) return least(above, sector, spare);
  if (kind.joined) return least_leg(above, least_of(storage, above, sector, spare), sector);
  if (!kind.least_below) return mib;
  const auto at = std::find(above.on.begin(), above.on.end(), device) - above.on.begin();
  return kind.least_below(storage, above, sector, spare)[static_cast<std::size_t>(at)];
}

}  // namespace

std::uint64_t least_of(const Storage& storage, const Node& device, std::uint32_t sector, bool spare) {
  const Node* above = content_of(storage, device);
  return above ? std::max(mib, least_for(storage, *above, device.id, sector, spare)) : mib;
}

Places place(const Storage& storage, const std::map<Id, Ground>& disks, const std::set<Id>& anew) {
  Placing placing{storage, anew, {}};
  for (const Node& node : storage.nodes) {
    if (node.on.empty()) {
      auto disk = disks.find(node.id);
      if (disk == disks.end()) throw Error("place the golden " + node.id, "no disk takes its place");
      placing.places[node.id] = {0, disk->second};
    }
    const Rule& kind = rule(node);
    if (kind.joined) placing.places[node.id] = joined(placing.places, node);
    if (!placing.places.count(node.id)) placing.places[node.id] = placing.places.at(node.on.front());
    if (kind.hand_out) kind.hand_out(placing, node);
  }
  return std::move(placing.places);
}

void check_kept(const Storage& storage, const Places& places) {
  for (const Node* node : all<Blocks>(storage)) {
    const Blocks& blocks = as<Blocks>(*node);
    const Place& place = places.at(node->id);
    const std::string doing = "copy the golden " + node->on.front() + " block by block";
    const std::uint32_t sector = as<Disk>(disk_below(storage, *node)).sector;
    if (place.ground.sector != sector)
      throw Error(doing, "its disk has sectors of " + std::to_string(sector) + " bytes, this one of " +
                             std::to_string(place.ground.sector));
    if (blocks.start != 0 && place.start != blocks.start)
      throw Error(doing, "it begins at sector " + std::to_string(blocks.start / sector) + ", and here it would at " +
                             std::to_string(place.start / sector) +
                             ", where what is on it would not find itself; the golden partition table as it is, on a "
                             "disk that is no smaller, leaves it in its place");
  }
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
  return fewest([&](std::uint64_t bytes) { return kind.room(content, {bytes, sector}) >= need; });
}

}  // namespace ka::storage
