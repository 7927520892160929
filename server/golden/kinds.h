#pragma once
/// How each kind of content is read on the golden machine: one entry in one table.

#include <string>
#include <string_view>
#include <vector>

#include "server/golden/golden.h"
#include "wire/storage/rule.h"

namespace ka::server {

/// A content as a clone gets it, but for how full it is.
struct Reading {
  storage::What what;
  std::vector<std::string> not_kept;  ///< of its settings, in words
};

struct Reader {
  const char* type;           ///< what blkid and mountinfo call it: "ext4"
  const storage::Rule& kind;  ///< has its superblock
  /// What tells of it, before the name of the device: "dumpe2fs -h"; empty: nothing but its superblock. No vector: g++
  /// 12.2 leaves out those entries of a table whose vector is empty.
  const char* program;
  /// Throws Error if it cannot be kept.
  Reading (*read)(const Reader&, const Probe&, const Answers&);
  /// What a clone's mount needs while the data is written, by the options that it is mounted with here; nullptr: it is
  /// not mounted, and made anew without content.
  std::string (*mount_options)(std::string_view golden);
};

/// nullptr: it cannot be cloned.
const Reader* find_reader(std::string_view type);

/// "ext2, ext3, ext4 and swap": what can, for people.
std::string types_that_are_cloned();

/// `dumpe2fs -h`: an Ext but for its version. Throws Error when block size, inode size or features are not in it.
Reading parse_dumpe2fs(std::string_view text);

}  // namespace ka::server
