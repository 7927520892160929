#pragma once
/// How LVM lays out a volume group in extents: one rule for what fits on which devices, for the server on the golden
/// ones and for a node on its own.

#include "wire/storage/rule.h"

namespace ka::storage {

/// A run of extents of one physical volume.
struct Extents {
  Id on;
  std::uint64_t first = 0, count = 0;
};

/// Gives each volume and pool of a group its size. Volumes that may shrink give way where there is too little, each by
/// its share; one that fills takes what is left, else that stays free. Throws Error if they do not fit.
void hand_out_group(Placing& placing, const Node& group);

/// Which extents each volume and pool of a group gets, by its id, when they have the sizes of these places: on each
/// physical volume one run. A pool's are those of its metadata, too, and the first pool's those of the spare that LVM
/// keeps to repair metadata with. Of a "mirror" the last run, if it has one more than copies, is its log's.
std::map<Id, std::vector<Extents>> extents_of_group(const Storage& storage, const Node& group, const Places& places);

/// Rule::least_below of a group: each device's share is that of the golden one.
std::vector<std::uint64_t> least_below_group(const Storage& storage, const Node& group, std::uint32_t sector,
                                             bool spare);

/// The thin volumes of a pool have the size that they had; what is on them must fit into the pool.
void hand_out_pool(Placing& placing, const Node& pool);

/// What all thin volumes of a pool are to hold, in bytes of the pool.
std::uint64_t need_of_pool(const Storage& storage, const Node& pool, std::uint32_t sector);

/// All volumes and pools of a group, each pool before its thin volumes.
std::vector<const Node*> volumes_of_group(const Storage& storage, const Id& group);

/// A volume or pool in its group: "root" of "vg0/root".
std::string volume_name(const Node& volume);

/// What the device mapper calls a volume: "vg0-root", "my--vg-root".
std::string mapped_name(const Node& volume);

}  // namespace ka::storage
