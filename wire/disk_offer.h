#pragma once
/// A disk of a node that is about to be written, as the node describes it to the server and the operator.

#include <cstdint>
#include <string>

namespace ka::wire {

struct DiskOffer {
  std::string golden;      ///< the golden disk whose place it takes: "sda"
  std::string name;        ///< the node's name for it: "nvme0n1"
  std::string model;       ///< may be empty
  std::string serial;      ///< may be empty
  std::uint64_t size = 0;  ///< bytes
  std::string contents;    ///< what is on it now: "1 ext4 'data', 2 swap", "nothing that is known"
};

}  // namespace ka::wire
