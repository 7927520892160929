#pragma once
/// What differs between the files of an image and a tree of today.

#include <sys/stat.h>

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/unique_fd.h"
#include "server/shelf/tar_reader.h"

namespace ka::server {

/// Of one path. In `what` are words: of what is there on one side alone its kind ("file"), else what differs: "type",
/// "content", "mode", "owner", "time" (of files), "acl", "capabilities", "attributes", "target", "device", "links".
struct Difference {
  enum class Side { image_only, tree_only, both };

  Side side = Side::both;
  std::set<std::string> what;
};
using Differences = std::map<std::string, Difference>;  ///< by absolute path, bytes

/// Where a part of the tree is; the last of several is the one for all the rest, with the path "".
struct TreeRoot {
  std::string path;    ///< "/.ka-apart-sda5"
  std::string folder;  ///< that holds it, under the same path
};

/// Compares while the archive of the image comes by. What is looked at in the tree is what `names` has, and nothing
/// else. Where size and time of a file are the same on both sides it is taken for unchanged, unless `whole`; else its
/// content is read. What vanishes meanwhile is as if it had not been there. Throws Error if the tree cannot be read.
class TreeDifference final : public TarReader::Listener {
 public:
  TreeDifference(std::vector<TreeRoot> roots, std::vector<std::string> names, bool whole);

  void entry(const TarEntry& entry) override;
  void content(std::uint64_t offset, std::string_view bytes) override;
  void entry_ended() override;

  /// After the last entry. All that both sides have is left out of it but what differs.
  Differences take();

 private:
  UniqueFd open_folder(const std::string& path, std::string& name) const;
  void compare(const TarEntry& entry, int folder, const std::string& name, const struct stat& found);
  void compare_link(const TarEntry& entry, const struct stat& found);
  void begin_content(const TarEntry& entry, int folder, const std::string& name);
  bool is_hole(std::uint64_t from, std::uint64_t to);
  void differs(std::string what) { now_.insert(std::move(what)); }

  std::vector<TreeRoot> roots_;
  std::map<std::string, bool> names_;  // of the tree; whether the image has it, too
  const bool whole_;
  Differences found_;
  std::set<std::pair<dev_t, ino_t>> linked_;  // files of several names that were compared by one

  // Of the entry that is under way.
  TarEntry entry_;
  std::set<std::string> now_;
  UniqueFd file_;
  std::uint64_t compared_ = 0;  // up to where
};

/// "file", "directory", …
const char* kind_text(TarEntry::Kind kind);

}  // namespace ka::server
