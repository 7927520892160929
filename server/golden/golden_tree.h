#pragma once
/// The golden file systems as one tree, and the tar command that sends it.

#include <string>
#include <vector>

#include "base/process.h"
#include "wire/manifest.h"

namespace ka::server {

/// The file systems that are cloned, mounted a second time, read-only, below a folder that only this process and its
/// children see (a mount namespace of their own; it goes when they end, however they end). Each is there whole:
/// what other mounts hide here (the /dev on the disk, a file under a mount point) is part of a clone too, and nothing
/// that is mounted later or elsewhere can get into the stream. Reading does not change access times.
class GoldenTree {
 public:
  /// `mounts` in mount order, "/" first; those apart come to a tree of their own. Needs root. Throws Error. Only one
  /// may exist in a process.
  explicit GoldenTree(const wire::Manifest& manifest);

  const std::string& root() const { return root_; }
  /// Has what no mount of this machine shows, each at the place that the manifest's mount has.
  const std::string& apart() const { return apart_; }
  /// A folder in RAM for this process's own files; not part of the tree.
  const std::string& work_folder() const { return work_; }

 private:
  std::string work_, root_, apart_;
};

/// GNU tar, writing all of the tree, and what is apart, without what is in `excluded` (absolute paths) to its standard
/// output. Names in the stream begin with "./"; it ends with status 1 if a file changed while it was read.
Command tar_command(const GoldenTree& tree, const wire::Manifest& manifest, const std::vector<std::string>& excluded);

/// The same, writing nothing but the names that would be sent, one a line, in its quoting style "escape".
Command list_command(const GoldenTree& tree, const wire::Manifest& manifest, const std::vector<std::string>& excluded);

/// Is the tar here GNU tar, and can it read ACLs and extended attributes? Throws Error if not.
Awaitable<void> check_tar(asio::io_context& io);

}  // namespace ka::server
