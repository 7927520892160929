#pragma once
/// A walk through the golden file systems: what tar leaves out, and how much there is.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "wire/manifest.h"

namespace ka::server {

struct Survey {
  std::vector<wire::Socket> sockets;
  std::vector<wire::BareDirectory> bare_directories;  ///< one for each excluded directory that is there
  std::vector<std::string> missing;                   ///< excluded, but not there
  struct Total {
    std::uint64_t bytes = 0, inodes = 0;  ///< as they lie on the disk
  };
  std::map<std::string, Total> totals;  ///< by mount point
  std::uint64_t stream_bytes = 0;       ///< what tar will make of it, nearly
};

/// Walks the tree at `root`, which holds the file systems of `mount_points` and nothing else, without following links.
/// `excluded` are absolute paths seen from there. Throws Error if an excluded one is not a directory, or if a
/// directory cannot be read.
Survey survey(const std::string& root, const std::vector<std::string>& mount_points,
              const std::vector<std::string>& excluded);

}  // namespace ka::server
