#pragma once
/// A storage for people, one line a node, each below what it stands on.

#include "wire/storage/rule.h"

namespace ka::storage {

///     sda: disk, 8.0 GiB
///       sda:dos: dos table 0x59be1427
///         sda1: partition 1, type 83, 3.4 GiB at 1.0 MiB
///           sda1:fs: ext4
/// Without a place a node has no "… at …".
std::vector<std::string> tree_text(const Storage& storage, const Places& places);

}  // namespace ka::storage
