#pragma once
/// A disk of a node that is about to be written, as the node describes it to the server and the operator.

#include <cstdint>
#include <string>
#include <vector>

namespace ka::wire {

struct DiskOffer {
  std::string golden;      ///< the golden disk whose place it takes: "sda"
  std::string name;        ///< the node's name for it: "nvme0n1"; empty: it has none for it (wire/degraded.h)
  std::string model;       ///< may be empty
  std::string serial;      ///< may be empty
  std::uint64_t size = 0;  ///< bytes
  /// What is on it now: "1 ext4 'data', 2 swap", "nothing that is known". Of one that is missing, the arrays that are
  /// degraded: "md0, md1".
  std::string contents;

  bool is_missing() const { return name.empty(); }
};

/// So many disks fit into one message.
inline constexpr std::size_t most_disks_offered = 64;

/// The same disks with their texts cut so that all fit into one message. Throws Error if they are too many.
std::vector<DiskOffer> fitted(std::vector<DiskOffer> disks);

/// "vda (QEMU HARDDISK, serial QM00001, 2.8 GiB) in the place of sda; on it: 1 ext4 'data'", or "no disk in the place
/// of sdb; degraded: md0, md1". What a node told may hold any bytes: escape it before it is shown.
std::string text_of(const DiskOffer& disk);

}  // namespace ka::wire
