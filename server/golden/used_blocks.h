#pragma once
/// Which blocks of a file system that is not mounted are in use. partclone of stage2 reads that from its bitmaps: it is
/// the one that was tried with KA, and the golden machine need not have any. It runs in the image, with the image's own
/// loader and libraries.

#include <string>
#include <string_view>
#include <vector>

#include "base/asio.h"
#include "wire/extents.h"

namespace ka::server {

struct UsedBlocks {
  std::vector<wire::Extent> extents;  ///< in their order, none touches the next
  std::string why_all;                ///< not empty: which ones are used cannot be told, and this is the one extent
};

/// Can they be told of what blkid calls so ("ntfs")?
bool has_block_map(std::string_view type);

/// Of `device` ("/dev/sda2") with `size` bytes. `stage2_root`: where an image can be seen, with /dev in it; empty:
/// nowhere. Throws Error, with the remedy, if it is an NTFS that Windows has not left whole.
Awaitable<UsedBlocks> used_blocks(asio::io_context& io, std::string stage2_root, std::string type, std::string device,
                                  std::uint64_t size);

/// The log of `partclone.FS -D`. Beside what it says is in use, the first MiB of the device, the MiB behind the file
/// system and the last one count as used: boot sectors and their copies lie there, of which bitmaps say nothing. Throws
/// Error if it is no such log.
std::vector<wire::Extent> parse_domain_log(std::string_view text, std::uint64_t size);

}  // namespace ka::server
