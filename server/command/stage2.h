#pragma once
/// Where the nodes' second stage (rescue.sqfs) comes from.

#include <string>

#include "base/asio.h"

namespace ka::server {

struct Stage2 {
  std::string file;  ///< to be sent: a squashfs file, or the loop device of one
  std::string from;  ///< for people: "/mnt/ka (rescue.sqfs)"
  std::uint64_t size = 0;
  std::string root;   ///< where it can be seen, with this machine's /dev in it; empty: nowhere
  std::string makes;  ///< its ka/stage2.json; empty: it has none, or it cannot be read
};

inline constexpr const char* stage2_mount = "/mnt/ka";  ///< where the KA method mounts it

/// Will find_stage2 have to make a squashfs of a directory?
bool packs_stage2(const std::string& asked);

/// `asked`: a squashfs file or a directory to pack; empty: what is at /mnt/ka, else the installed one. What has to be
/// packed goes to `work_folder`. Throws Error if there is none, or it is not a whole squashfs.
Awaitable<Stage2> find_stage2(asio::io_context& io, std::string asked, std::string work_folder);

}  // namespace ka::server
