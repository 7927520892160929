#pragma once
/// The desc of a volume group: a line for each volume or thin pool whose size is not to be the golden one.
///
///     # comment
///     root 8000
///     home fill
///     var 20000 shrink
///
/// A line is NAME SIZE [shrink]. SIZE is MiB, or fill (all that is left), which one may have. What no line names keeps
/// its size.

#include <string>
#include <string_view>
#include <vector>

#include "wire/storage/storage.h"

namespace ka::wire {

struct GroupDescLine {
  unsigned line = 0;  ///< in the file
  std::string name;   ///< without the group's
  storage::Size size;
};

/// Throws Error "FILE:LINE: what is wrong, and what would be right". `file` is for messages only.
std::vector<GroupDescLine> desc_of_group(std::string_view text, std::string_view file);

/// Gives the volumes of `group` these sizes. Throws Error as desc_of_group, also if there is no such volume.
void apply_group_desc(const std::vector<GroupDescLine>& desc, std::string_view file, const storage::Id& group,
                      storage::Storage& storage);

/// The desc of a group as it is.
std::string format_group_desc(const storage::Storage& storage, const storage::Id& group);

}  // namespace ka::wire
