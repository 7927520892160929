#include "wire/storage/lvm.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "wire/storage/place.h"

namespace ka::storage {

namespace {

std::uint64_t up(std::uint64_t bytes, std::uint64_t unit) { return (bytes + unit - 1) / unit; }

// How a volume lies on physical volumes: on so many different ones, on each with so many extents.
struct Legs {
  std::uint64_t count = 1, data = 1, more = 0;  // more: of each, for its own metadata

  std::uint64_t on_each(std::uint64_t extents) const { return up(extents, data) + more; }
  std::uint64_t all(std::uint64_t extents) const { return count == 1 ? extents : count * on_each(extents); }
};

// lvmraid(7): each leg of a RAID has one more extent, for its own metadata.
Legs legs_of(const Volume& volume) {
  const std::uint64_t stripes = std::max<std::uint32_t>(volume.stripes, 1);
  const std::uint64_t copies = std::max<std::uint32_t>(volume.copies, 1);
  const std::string& segment = volume.segment;
  if (segment == "striped" || segment == "raid0") return {stripes, stripes, 0};
  if (segment == "raid0_meta") return {stripes, stripes, 1};
  if (segment == "mirror") return {copies, 1, 0};
  if (segment == "raid1") return {copies, 1, 1};
  if (segment == "raid10") return {stripes * copies, stripes, 1};
  if (segment.starts_with("raid4") || segment.starts_with("raid5")) return {stripes + 1, stripes, 1};
  if (segment.starts_with("raid6")) return {stripes + 2, stripes, 1};
  return {};
}

// A volume or pool on its way to its size; in extents.
struct Want {
  const Node* node = nullptr;
  Legs legs;
  std::uint64_t extents = 0, golden = 0, least = 0;  // least: what it must have
  std::uint64_t beside = 0;                          // a pool's metadata, and the spare of all pools
  bool fill = false, has_log = false;
  const std::vector<Id>* only_on = nullptr;

  std::uint64_t all() const { return legs.all(extents) + beside; }
  // What lies on several devices has whole stripes.
  std::uint64_t whole(std::uint64_t number) const { return up(number, legs.data) * legs.data; }
};

class Layout {
 public:
  Layout(const Storage& storage, const Node& group, std::uint32_t sector, bool spare)
      : storage_(storage), node_(group), group_(as<Group>(group)), sector_(sector), spare_(spare) {
    for (const Node* node : storage.on(group.id)) add(*node);
    reserve_spare();
    // What needs several devices chooses first, then what lay on some of them only; the rest may lie anywhere.
    std::stable_sort(wants_.begin(), wants_.end(), [](const Want& a, const Want& b) {
      if (a.legs.count != b.legs.count) return a.legs.count > b.legs.count;
      return a.only_on != nullptr && b.only_on == nullptr;
    });
  }

  void hand_out(Placing& placing) {
    set_devices(placing.places);
    fit();
    const std::uint32_t sector = placing.places.at(node_.on.front()).ground.sector;
    placing.places[node_.id] = {0, {there() * group_.extent, sector}};
    for (const Want& want : wants_) placing.places[want.node->id] = {0, {want.extents * group_.extent, sector}};
  }

  std::map<Id, std::vector<Extents>> extents(const Places& places) {
    set_devices(places);
    for (Want& want : wants_) want.extents = up(places.at(want.node->id).ground.bytes, group_.extent);
    if (std::string why = lay_out(); !why.empty()) throw Error("place the volumes of the golden " + node_.id, why);
    return laid_out_;
  }

  std::vector<std::uint64_t> least_below() {
    std::vector<double> needed(group_.physical.size(), 0);
    for (Want& want : wants_) {
      want.extents = want.least;
      std::vector<std::size_t> on = wanted_devices(want);
      auto larger = [this](std::size_t a, std::size_t b) {
        return group_.physical[a].bytes > group_.physical[b].bytes;
      };
      std::stable_sort(on.begin(), on.end(), larger);
      if (want.legs.count > 1 && on.size() > want.legs.count) on.resize(want.legs.count);
      double golden = 0;
      for (std::size_t i : on) golden += static_cast<double>(group_.physical[i].bytes);
      for (std::size_t i : on)
        needed[i] += want.legs.count > 1 ? static_cast<double>(want.legs.on_each(want.extents))
                     : golden == 0
                         ? static_cast<double>(want.all())
                         : static_cast<double>(want.all()) * static_cast<double>(group_.physical[i].bytes) / golden;
    }
    std::vector<std::uint64_t> least;
    for (std::size_t i = 0; i < needed.size(); ++i)
      least.push_back(group_.physical[i].start + (static_cast<std::uint64_t>(needed[i]) + 1) * group_.extent);
    return least;
  }

 private:
  void add(const Node& node) {
    const Size& size = *size_of(node);
    Want want;
    want.node = &node;
    want.fill = size.fill;
    std::uint64_t least = size.bytes;
    if (const Pool* pool = get<Pool>(&node)) {
      want.beside = up(pool->metadata, group_.extent);
      if (size.shrinks || size.fill) least = need_of_pool(storage_, node, sector_);
    } else {
      const Volume& volume = as<Volume>(node);
      want.legs = legs_of(volume);
      want.has_log = volume.segment == "mirror";
      if (!volume.only_on.empty()) want.only_on = &volume.only_on;
      if (size.shrinks || size.fill) least = least_of(storage_, node, sector_, spare_);
    }
    want.least = want.whole(std::max<std::uint64_t>(up(least, group_.extent), 1));
    want.golden = want.fill ? want.least : std::max(want.least, want.whole(up(size.bytes, group_.extent)));
    if (size.shrinks && !size.fill) want.least = std::min(want.least, want.whole(up(size.bytes, group_.extent)));
    wants_.push_back(want);
  }

  // One for all pools, as large as the largest metadata; it comes with the first.
  void reserve_spare() {
    std::uint64_t largest = 0;
    for (const Want& want : wants_) largest = std::max(largest, want.beside);
    for (Want& want : wants_)
      if (want.beside > 0) return void(want.beside += largest);
  }

  void set_devices(const Places& places) {
    for (std::size_t i = 0; i < node_.on.size(); ++i) {
      const std::uint64_t bytes = places.at(node_.on[i]).ground.bytes, start = group_.physical[i].start;
      devices_.push_back(bytes <= start ? 0 : (bytes - start) / group_.extent);
    }
  }

  std::uint64_t there() const {
    std::uint64_t sum = 0;
    for (std::uint64_t extents : devices_) sum += extents;
    return sum;
  }

  // What is too much is given by those that can, each its share; what is left over is taken by the one that fills.
  void fit() {
    constexpr std::uint64_t all = 1 << 20;
    auto give = [this](std::uint64_t share) {
      for (Want& want : wants_)
        want.extents =
            want.least + (want.golden - want.least) / all * share + (want.golden - want.least) % all * share / all;
      for (Want& want : wants_) want.extents = want.whole(want.extents);
      return lay_out();
    };
    if (!give(all).empty()) {
      if (const std::string why = give(0); !why.empty())
        throw Error("place the volumes of the golden " + node_.id, why);
      std::uint64_t enough = 0, too_much = all;
      while (too_much - enough > 1) {
        const std::uint64_t middle = enough + (too_much - enough) / 2;
        (give(middle).empty() ? enough : too_much) = middle;
      }
      give(enough);
    }
    for (Want& want : wants_)
      if (want.fill) fill(want);
  }

  void fill(Want& want) {
    std::uint64_t enough = want.extents, too_much = want.extents + there() * want.legs.data + 1;
    while (too_much - enough > 1) {
      const std::uint64_t middle = enough + (too_much - enough) / 2;
      want.extents = want.whole(middle);
      (lay_out().empty() ? enough : too_much) = middle;
    }
    want.extents = want.whole(enough);
  }

  // Why it does not fit; empty: it does.
  std::string lay_out() {
    laid_out_.clear();
    used_.assign(devices_.size(), 0);
    std::uint64_t sum = 0;
    for (const Want& want : wants_) sum += want.all();
    if (sum > there())
      return "they need " + format_size(sum * group_.extent) + ", there are " + format_size(there() * group_.extent) +
             " on its physical volumes here";
    for (const Want& want : wants_) {
      const bool fits = (want.only_on && take(want, wanted_devices(want))) || take(want, all_devices());
      if (!fits)
        return want.node->id + " needs " + std::to_string(want.legs.count) + " physical volumes with " +
               format_size(want.legs.on_each(want.extents) * group_.extent) + " free on each, which it has not here";
    }
    return "";
  }

  std::vector<std::size_t> all_devices() const {
    std::vector<std::size_t> devices;
    for (std::size_t i = 0; i < node_.on.size(); ++i) devices.push_back(i);
    return devices;
  }

  // Where the golden machine has it.
  std::vector<std::size_t> wanted_devices(const Want& want) const {
    if (!want.only_on) return all_devices();
    std::vector<std::size_t> devices;
    for (std::size_t i : all_devices())
      if (std::count(want.only_on->begin(), want.only_on->end(), node_.on[i]) > 0) devices.push_back(i);
    return devices;
  }

  std::uint64_t free_on(std::size_t device) const { return devices_[device] - used_[device]; }

  void use(const Want& want, std::size_t device, std::uint64_t extents) {
    laid_out_[want.node->id].push_back({node_.on[device], used_[device], extents});
    used_[device] += extents;
  }

  // From those with most room.
  bool take(const Want& want, std::vector<std::size_t> from) {
    std::stable_sort(from.begin(), from.end(),
                     [this](std::size_t a, std::size_t b) { return free_on(a) > free_on(b); });
    if (want.legs.count > 1) {
      const std::uint64_t each = want.legs.on_each(want.extents);
      if (from.size() < want.legs.count || free_on(from[want.legs.count - 1]) < each) return false;
      for (std::size_t i = 0; i < want.legs.count; ++i) use(want, from[i], each);
      if (want.has_log) take_log(want);
      return true;
    }
    std::uint64_t left = want.all(), free = 0;
    for (std::size_t device : from) free += free_on(device);
    if (free < left) return false;
    for (std::size_t device : from)
      if (const std::uint64_t taken = std::min(left, free_on(device)); taken > 0)
        use(want, device, taken), left -= taken;
    return true;
  }

  // On a device that has no leg; without one the mirror has its log in memory.
  void take_log(const Want& want) {
    for (std::size_t device : all_devices()) {
      const auto& legs = laid_out_[want.node->id];
      auto is_here = [&](const Extents& run) { return run.on == node_.on[device]; };
      if (free_on(device) > 0 && std::none_of(legs.begin(), legs.end(), is_here)) return use(want, device, 1);
    }
  }

  const Storage& storage_;
  const Node& node_;
  const Group& group_;
  std::uint32_t sector_;
  bool spare_;
  std::vector<Want> wants_;
  std::vector<std::uint64_t> devices_, used_;  // extents of each physical volume
  std::map<Id, std::vector<Extents>> laid_out_;
};

std::uint32_t sector_below(const Places& places, const Node& group) {
  return places.at(group.on.front()).ground.sector;
}

}  // namespace

void hand_out_group(Placing& placing, const Node& group) {
  const std::uint32_t sector = sector_below(placing.places, group);
  for (const Id& id : group.on)
    if (const std::uint32_t other = placing.places.at(id).ground.sector; other != sector)
      throw Error("make the golden " + group.id, "LVM takes no devices of different sectors, and " + group.on.front() +
                                                     " would be on such of " + std::to_string(sector) + " bytes, " +
                                                     id + " of " + std::to_string(other));
  Layout(placing.storage, group, sector, true).hand_out(placing);
}

std::map<Id, std::vector<Extents>> extents_of_group(const Storage& storage, const Node& group, const Places& places) {
  return Layout(storage, group, sector_below(places, group), true).extents(places);
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
  const std::uint64_t extent = as<Group>(placing.storage.at(pool.on.front())).extent;
  for (const Node* volume : placing.storage.on(pool.id)) {
    const Size& size = as<Volume>(*volume).size;
    const std::uint64_t bytes = size.fill ? ground.bytes : up(size.bytes, extent) * extent;
    placing.places[volume->id] = {0, {bytes, ground.sector}};
  }
}

}  // namespace ka::storage
