#pragma once
/// A disk of a node that is about to be written, as the node describes it to the server and the operator.

#include <cstdint>
#include <string>
#include <vector>

namespace ka::wire {

struct DiskOffer {
  std::string golden;      ///< the golden disk whose place it takes: "sda"
  std::string name;        ///< the node's name for it: "nvme0n1"
  std::string model;       ///< may be empty
  std::string serial;      ///< may be empty
  std::uint64_t size = 0;  ///< bytes
  std::string contents;    ///< what is on it now: "1 ext4 'data', 2 swap", "nothing that is known"
};

/// So many disks fit into one message.
inline constexpr std::size_t most_disks_offered = 64;

/// The same disks with their texts cut so that all fit into one message. Throws Error if they are too many.
std::vector<DiskOffer> fitted(std::vector<DiskOffer> disks);

/// "vda (QEMU HARDDISK, serial QM00001, 2.8 GiB) in the place of sda; on it: 1 ext4 'data'". What a node told may hold
/// any bytes: escape it before it is shown.
std::string text_of(const DiskOffer& disk);

}  // namespace ka::wire
