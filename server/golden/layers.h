#pragma once
/// What this machine makes of its disks and partitions: arrays, volume groups and their volumes, encrypted devices.
/// Each kind has a reader of its own in one table (layers.cpp).

#include <map>
#include <string>
#include <vector>

#include "base/asio.h"
#include "server/golden/block_devices.h"
#include "wire/storage/storage.h"

namespace ka::server {

struct Layers {
  /// Each after those that it stands on, which may be disks and partitions, too; those are not in it.
  std::vector<storage::Node> nodes;
  /// By the kernel's name of the device: "dm-0" is "vg0/root", "md127" is "md127".
  std::map<std::string, storage::Id> ids;
  /// Why something cannot be cloned, by its id or, where it is nothing that a graph could have, the kernel's name of
  /// it. Counts only where it is cloned. "is an array of Intel's firmware (IMSM)"
  std::map<std::string, std::string> strange;
  /// What of a node its clones do not have, by its id. "its cache is left out"
  std::map<storage::Id, std::vector<std::string>> not_kept;

  const storage::Node* find(const storage::Id& id) const;  ///< nullptr: none
  /// Is something of these made of this device?
  bool has_member(const storage::Id& device) const;
};

/// What a reader finds, with the kernel's names of what each stands on: read_layers() puts in the ids, and in order.
struct LayerReader {
  /// Throws Error if its programs are missing or say what is not understood, and there are such devices here.
  Awaitable<void> (*read)(asio::io_context& io, const std::vector<BlockDevice>& devices, Layers& layers);
};

/// Of a device that no reader knows.
inline constexpr const char* made_strangely = "is made of other devices in a way that cannot be cloned so far";

extern const LayerReader raid_reader, crypt_reader, lvm_reader;

/// Needs root. Throws Error.
Awaitable<Layers> read_layers(asio::io_context& io, const std::vector<BlockDevice>& devices);

}  // namespace ka::server
