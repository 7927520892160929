#pragma once
/// A walk through the golden file systems: what tar leaves out, and how much there is.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "wire/manifest.h"

namespace ka::server {

/// The longest path, in bytes, that tar on a node can unpack below the place where it does so.
inline constexpr std::size_t longest_path = 4080;

struct Survey {
  std::vector<wire::Socket> sockets;
  std::vector<wire::BareDirectory> bare_directories;  ///< one for each excluded directory that is there
  std::vector<wire::InodeFlags> inode_flags;          ///< of all files and directories that have any
  std::vector<std::string> missing;                   ///< excluded, but not there
  struct Problem {
    std::string path, why;  ///< "/srv/vault", "is encrypted (…)"
  };
  std::vector<Problem> problems;  ///< what a clone cannot have as it is here; the first of each kind, and how many more
  struct Total {
    std::uint64_t bytes = 0, inodes = 0;  ///< as they lie on the disk
  };
  std::map<std::string, Total> totals;  ///< by mount point
  std::uint64_t stream_bytes = 0;       ///< what tar will make of it, nearly
};

/// What is not in the tree, though it is cloned, or there, though it is not.
struct Apart {
  std::string root;                       ///< the tree that has these mount points: "/.ka-apart-sda5"
  std::vector<std::string> mount_points;  ///< directories in its root
  std::vector<std::string> unseen;        ///< as if they were not there
};

/// Walks the tree at `root`, which holds the file systems of `mount_points` and nothing else, without following links.
/// `excluded` are absolute paths seen from there. Paths may be of any length and depth. Throws Error if an excluded one
/// is not a directory, or if a directory cannot be read.
Survey survey(const std::string& root, const std::vector<std::string>& mount_points,
              const std::vector<std::string>& excluded, const Apart& apart = {});

}  // namespace ka::server
