#pragma once
/// The archives that an initrd begins with: "newc" of cpio, several one after the other, before a compressed part
/// (early microcode, uncompressed modules). Documentation/driver-api/early-userspace/buffer-format.rst of Linux has the
/// format.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace ka::boot {

/// `size` bytes from `offset`; fewer at the end of the file.
using ReadAt = std::function<std::string(std::uint64_t offset, std::size_t size)>;

/// Calls `visit` with each name, and returns where what is no such archive begins; the file's size if nothing does.
/// Zeros between archives are passed over. Throws Error for an archive that is cut off or has no sense.
std::uint64_t walk_cpio(const ReadAt& read, std::uint64_t size, const std::function<void(std::string_view)>& visit);

/// The program that unpacks what begins with these bytes: "zstd", "gzip", …; "": none is known.
std::string unpacker_of(std::string_view start);

}  // namespace ka::boot
