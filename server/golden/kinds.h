#pragma once
/// How each kind of content is read on the golden machine: one entry in a table.

#include <string_view>

#include "server/golden/golden.h"

namespace ka::server {

struct Reader {
  const char* type;  ///< what blkid and mountinfo call it: "ext4"
  storage::What (*read)(const Reader&, const Probe&, const ExtHeader*);
  /// What a clone's mount needs while the data is written; nullptr: it is not mounted, and made anew without content.
  const char* mount_options;
};

/// nullptr: it cannot be cloned.
const Reader* find_reader(std::string_view type);

/// "ext2, ext3, ext4 and swap": what can, for people.
std::string types_that_are_cloned();

}  // namespace ka::server
