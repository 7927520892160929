#include "wire/storage/lvm.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "wire/storage/place.h"

namespace ka::storage {

namespace {

std::uint64_t up(std::uint64_t bytes, std::uint64_t unit) { return (bytes + unit - 1) / unit; }

// How a volume lies on physical volumes: so many different ones, and so many extents on each.
struct Legs {
  std::uint64_t count = 1, data = 1, copies = 1, more = 0;

  std::uint64_t on_each(std::uint64_t extents) const { return up(extents, data) + more; }
  std::uint64_t all(std::uint64_t extents) const { return count == 1 ? extents : count * on_each(extents); }
};

// lvmraid(7): each leg of a RAID has one more extent, for its own metadata.
Legs legs_of(const Volume& volume) {
  const std::uint64_t stripes = std::max<std::uint32_t>(volume.stripes, 1);
  const std::uint64_t copies = std::max<std::uint32_t>(volume.copies, 1);
  const std::string& segment = volume.segment;
  if (segment == "striped") return {stripes, stripes, 1, 0};
  if (segment == "mirror") return {copies + 1, 1, copies, 0};  // and its log, which is smaller
  if (segment == "raid0") return {stripes, stripes, 1, 0};
  if (segment == "raid0_meta") return {stripes, stripes, 1, 1};
  if (segment == "raid1") return {copies, 1, copies, 1};
  if (segment == "raid10") return {stripes * copies, stripes, copies, 1};
  if (segment.starts_with("raid4") || segment.starts_with("raid5")) return {stripes + 1, stripes, 1, 1};
  if (segment.starts_with("raid6")) return {stripes + 2, stripes, 1, 1};
  return {};
}

// A volume or pool on its way to its size; in extents.
struct Want {
  const Node* node = nullptr;
  Legs legs;
  std::uint64_t extents = 0, least = 0;  // least: what it must have
  std::uint64_t beside = 0;              // a pool's metadata, and the spare of it
  bool fill = false;
  const std::vector<Id>* only_on = nullptr;
};

class Layout {
 public:
  Layout(const Storage& storage, const Node& group, std::uint32_t sector, bool spare)
      : storage_(storage), node_(group), group_(as<Group>(group)), sector_(sector), spare_(spare) {
    for (const Node* node : storage.on(group.id)) add(*node);
  }

  void hand_out(Placing& placing) {
    std::vector<std::uint64_t> free = free_on(placing.places);
    std::uint64_t there = 0;
    for (std::uint64_t extents : free) there += extents;
    shrink_to(there);
    for (const Want& want : wants_) take(free, want);
    const std::uint32_t sector = placing.places.at(node_.on.front()).ground.sector;
    placing.places[node_.id] = {0, {there * group_.extent, sector}};
    for (const Want& want : wants_) placing.places[want.node->id] = {0, {want.extents * group_.extent, sector}};
  }

  std::vector<std::uint64_t> least_below() const {
    std::uint64_t needed = 0, golden = 0;
    for (const Want& want : wants_) needed += want.legs.all(want.least) + want.beside;
    for (const Physical& physical : group_.physical) golden += physical.bytes / group_.extent;
    std::vector<std::uint64_t> least;
    for (const Physical& physical : group_.physical) {
      const std::uint64_t share = golden == 0 ? needed : up(needed * (physical.bytes / group_.extent), golden);
      least.push_back(physical.start + share * group_.extent);
    }
    return least;
  }

 private:
  void add(const Node& node) {
    const Size& size = *size_of(node);
    Want want;
    want.node = &node;
    want.fill = size.fill;
    want.extents = up(size.bytes, group_.extent);
    std::uint64_t least = size.bytes;
    if (const Pool* pool = get<Pool>(&node)) {
      want.beside = 2 * up(pool->metadata, group_.extent);
      if (size.shrinks || size.fill) least = need_of_pool(storage_, node, sector_);
    } else {
      const Volume& volume = as<Volume>(node);
      want.legs = legs_of(volume);
      if (!volume.only_on.empty()) want.only_on = &volume.only_on;
      if (size.shrinks || size.fill) least = least_of(storage_, node, sector_, spare_);
    }
    want.least = std::max<std::uint64_t>(up(least, group_.extent), 1);
    if (want.fill) want.extents = want.least;
    wants_.push_back(want);
  }

  std::vector<std::uint64_t> free_on(const Places& places) const {
    std::vector<std::uint64_t> free;
    for (std::size_t i = 0; i < node_.on.size(); ++i) {
      const std::uint64_t bytes = places.at(node_.on[i]).ground.bytes, start = group_.physical[i].start;
      free.push_back(bytes <= start ? 0 : (bytes - start) / group_.extent);
    }
    return free;
  }

  std::uint64_t wanted() const {
    std::uint64_t sum = 0;
    for (const Want& want : wants_) sum += want.legs.all(want.extents) + want.beside;
    return sum;
  }

  // What is too much is given by those that can, each its share; what is too little is taken by the one that fills.
  void shrink_to(std::uint64_t there) {
    std::uint64_t can = 0;
    for (const Want& want : wants_) can += want.extents - std::min(want.extents, want.least);
    if (const std::uint64_t sum = wanted(); sum > there) {
      const std::uint64_t excess = sum - there;
      for (Want& want : wants_) {
        const std::uint64_t gives = want.extents - std::min(want.extents, want.least);
        if (gives == 0) continue;
        const auto share = static_cast<std::uint64_t>(static_cast<double>(gives) * static_cast<double>(excess) /
                                                      static_cast<double>(can)) +
                           1;
        want.extents -= std::min(gives, share);
      }
    }
    for (Want& want : wants_)
      if (const std::uint64_t sum = wanted(); want.fill && sum < there) want.extents += (there - sum) / want.legs.count;
    if (const std::uint64_t sum = wanted(); sum > there)
      throw Error("place the volumes of the golden " + node_.id,
                  "they need " + format_size(sum * group_.extent) + ", there are " +
                      format_size(there * group_.extent) + " on its physical volumes here");
  }

  // From those with most room: what stands on several must have them.
  void take(std::vector<std::uint64_t>& free, const Want& want) const {
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < free.size(); ++i)
      if (!want.only_on || std::count(want.only_on->begin(), want.only_on->end(), node_.on[i]) > 0) order.push_back(i);
    std::stable_sort(order.begin(), order.end(), [&free](std::size_t a, std::size_t b) { return free[a] > free[b]; });
    if (want.legs.count > 1) {
      const std::uint64_t each = want.legs.on_each(want.extents);
      if (order.size() < want.legs.count || free[order[want.legs.count - 1]] < each)
        too_small(want, std::to_string(want.legs.count) + " physical volumes with " +
                            format_size(each * group_.extent) + " free on each");
      for (std::size_t i = 0; i < want.legs.count; ++i) free[order[i]] -= each;
      return;
    }
    std::uint64_t left = want.extents + want.beside;
    for (std::size_t i : order) {
      const std::uint64_t taken = std::min(left, free[i]);
      free[i] -= taken, left -= taken;
    }
    if (left > 0) too_small(want, format_size((want.extents + want.beside) * group_.extent));
  }

  [[noreturn]] void too_small(const Want& want, const std::string& needs) const {
    throw Error("place the golden " + want.node->id,
                "it needs " + needs + ", which the physical volumes of " + node_.id + " here have not");
  }

  const Storage& storage_;
  const Node& node_;
  const Group& group_;
  std::uint32_t sector_;
  bool spare_;
  std::vector<Want> wants_;
};

}  // namespace

void hand_out_group(Placing& placing, const Node& group) {
  const std::uint32_t sector = placing.places.at(group.on.front()).ground.sector;
  Layout(placing.storage, group, sector, true).hand_out(placing);
}

std::vector<std::uint64_t> least_below_group(const Storage& storage, const Node& group, std::uint32_t sector,
                                             bool spare) {
  return Layout(storage, group, sector, spare).least_below();
}

std::uint64_t need_of_pool(const Storage& storage, const Node& pool, std::uint32_t sector) {
  std::uint64_t sum = 0;
  for (const Node* volume : storage.on(pool.id)) sum += least_of(storage, *volume, sector, true);
  return std::max(sum, as<Pool>(pool).chunk);
}

void hand_out_pool(Placing& placing, const Node& pool) {
  const Ground ground = placing.places.at(pool.id).ground;
  // A thin volume that is full of nothing takes no room; one with files takes what they need.
  const std::uint64_t need = need_of_pool(placing.storage, pool, ground.sector);
  if (need > ground.bytes && !as<Pool>(pool).size.fill && as<Pool>(pool).size.bytes > ground.bytes)
    throw Error("place the golden " + pool.id, "what is on its thin volumes needs " + format_size(need) +
                                                   ", and it would have " + format_size(ground.bytes));
  for (const Node* volume : placing.storage.on(pool.id))
    placing.places[volume->id] = {0, {as<Volume>(*volume).size.bytes, ground.sector}};
}

}  // namespace ka::storage
