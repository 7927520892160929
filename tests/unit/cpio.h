#pragma once
/// A cpio archive ("newc") of empty files, as an initrd begins with one.

#include <cstdio>
#include <string>
#include <vector>

namespace ka {

inline std::string cpio_of(std::vector<std::string> names) {
  names.emplace_back("TRAILER!!!");
  std::string archive;
  for (const std::string& name : names) {
    char header[111];
    // inode, mode, uid, gid, links, mtime, size, device, its minor, rdev, its minor, length of the name, checksum
    std::snprintf(header, sizeof header, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", 1, 0100644, 0, 0,
                  1, 0, 0, 0, 0, 0, 0, static_cast<unsigned>(name.size() + 1), 0);
    archive += header + name;
    archive += '\0';
    while (archive.size() % 4 != 0) archive += '\0';
  }
  return archive;
}

}  // namespace ka
