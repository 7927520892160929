#pragma once
/// The flags of chattr(1) and the project id of one file.

#include <cstdint>

namespace ka::server {

inline constexpr std::uint32_t encrypted_inode = 0x800;

struct InodeState {
  std::uint32_t flags = 0;  ///< FS_IOC_GETFLAGS: all that the file system shows
  std::uint32_t project = 0;
};

/// Of an open file or directory; zeros where its file system knows no such thing. Throws nothing.
InodeState inode_state(int fd);

/// Why a file with these flags would be another one on a clone; nullptr: it would not.
const char* why_not_cloned(std::uint32_t flags);

}  // namespace ka::server
