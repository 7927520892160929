#pragma once
/// Whether a storage makes sense as a whole. Both sides ask: the server before anyone waits for it, a node before it
/// acts on it as root.

#include "wire/storage/storage.h"

namespace ka::storage {

/// Throws Error naming the node and the field: an id that is there twice or is no word, a node before what it stands
/// on, two things on one device, anything on a content, and whatever the kind's own rule objects to.
void check(const Storage& storage);

/// Where the partitions of a table lie on its disk, as the golden machine has them: throws Error with the names of the
/// two that do not go together (an overlap, a logical one outside of the extended one, a second extended one), or of
/// the one that lies over the table itself or reaches beyond the disk's end.
void check_places(const Storage& storage, const Node& table);

}  // namespace ka::storage
