#pragma once
/// What is in an initrd, whoever built it and however it is packed: the kernel modules, and of its programs cryptsetup.
/// Both sides look: the server once at the golden machine's, a node at those that are another's by now.

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "wire/boot/cpio.h"

namespace ka::boot {

/// In front of a program among the modules of an initrd: "program cryptsetup", which systemd's counts as, too.
inline constexpr std::string_view program_mark = "program ";

/// "/a/b/nvme-core.ko.xz" → "nvme_core"; empty if the path names no module.
std::string module_of(std::string_view path);

/// The initrd that a kernel of this version ("6.1.0-13-amd64") has by one of these names, by the habit of its
/// distribution.
std::vector<std::string> initrds_of(const std::string& version);

/// Adds a file of an initrd to what it holds, if it is of those that count.
void note_name(std::set<std::string>& held, std::string_view name);

/// What is packed behind the archives that an initrd begins with.
struct PackedPart {
  std::uint64_t at = 0;
  std::string program;  ///< that unpacks it to its standard output with -dc; empty: there is no such part
};

/// Notes what is in the first archives. Throws Error, without the file's name, for an empty file, one that is cut off
/// or is packed in a way that is not known.
PackedPart note_plain_part(std::set<std::string>& held, const ReadAt& read, std::uint64_t size);

/// For a shell in stage2, with the program as $1 and the packed part as standard input: prints the names. cpio has to
/// see the end of its archive; what the unpacker thinks of bytes behind it is no matter.
inline constexpr const char* list_packed = "\"$1\" -dc | { busybox cpio -t; found=$?; cat >/dev/null; exit $found; }";

}  // namespace ka::boot
