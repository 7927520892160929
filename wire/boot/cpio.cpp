#include "wire/boot/cpio.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace ka::boot {

namespace {

constexpr std::size_t header_size = 110, digits = 8, longest_name = 8192;
constexpr std::size_t size_field = 6, name_field = 11;  // of 13, behind the magic
constexpr std::uint64_t most_entries = 2'000'000;

std::uint64_t rounded(std::uint64_t at) { return (at + 3) / 4 * 4; }

std::uint64_t field(std::string_view header, std::size_t number) {
  const auto value = parse_unsigned(header.substr(6 + number * digits, digits), 16);
  if (!value) throw Error("read the initrd", "a header of its cpio archive has no sense");
  return *value;
}

// The first byte from `at` that is no zero.
std::uint64_t behind_zeros(const ReadAt& read, std::uint64_t at, std::uint64_t size) {
  while (at < size) {
    const std::string piece = read(at, 64 << 10);
    if (piece.empty()) throw Error("read the initrd", "it is shorter than it was");
    const std::size_t found = piece.find_first_not_of('\0');
    if (found != std::string::npos) return at + found;
    at += piece.size();
  }
  return size;
}

struct Packed {
  std::string_view start;
  const char* program;
};
constexpr Packed packed[] = {{"\x1f\x8b", "gzip"},        {"BZh", "bzip2"},    {{"\xfd\x37zXZ", 5}, "xz"},
                             {{"\x5d\0\0", 3}, "xz"},     {"\x89LZO", "lzop"}, {"\x02\x21\x4c\x18", "lz4"},
                             {"\x28\xb5\x2f\xfd", "zstd"}};

}  // namespace

std::uint64_t walk_cpio(const ReadAt& read, std::uint64_t size, const std::function<void(std::string_view)>& visit) {
  std::uint64_t at = 0, entries = 0;
  while (at < size) {
    const std::string header = read(at, header_size);
    if (!header.starts_with("070701") && !header.starts_with("070702")) {
      const std::uint64_t next = behind_zeros(read, at, size);
      if (next == at || next == size) return next;
      at = next;
      continue;
    }
    if (header.size() < header_size) throw Error("read the initrd", "its cpio archive is cut off");
    const std::uint64_t content = field(header, size_field), name_size = field(header, name_field);
    if (name_size == 0 || name_size > longest_name || ++entries > most_entries)
      throw Error("read the initrd", "a header of its cpio archive has no sense");
    std::string name = read(at + header_size, static_cast<std::size_t>(name_size));
    if (name.size() < name_size) throw Error("read the initrd", "its cpio archive is cut off");
    name.resize(std::min(name.find('\0'), name.size()));
    const std::uint64_t end = rounded(rounded(at + header_size + name_size) + content);
    if (end > rounded(size)) throw Error("read the initrd", "its cpio archive is cut off");
    if (name != "TRAILER!!!") visit(name);
    at = end;
  }
  return size;
}

std::string unpacker_of(std::string_view start) {
  for (const Packed& one : packed)
    if (start.starts_with(one.start)) return one.program;
  return "";
}

}  // namespace ka::boot
