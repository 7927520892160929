#include "server/golden/mounts.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace ka::server {

std::vector<Mount> parse_mountinfo(std::string_view text) {
  std::vector<Mount> mounts;
  for (std::string_view line : split(text, '\n')) {
    if (line.empty()) continue;
    // id parent major:minor root point options [optional fields] - type source super-options
    auto fields = split(line, ' ');
    auto dash = std::find(fields.begin() + std::min<std::size_t>(fields.size(), 6), fields.end(), "-");
    if (fields.end() - dash < 3)
      throw Error("/proc/self/mountinfo", "a line that is not understood: " + escape_bytes(line));
    auto numbers = split(fields[2], ':');
    auto major = parse_unsigned(numbers[0]), minor = parse_unsigned(numbers.back());
    if (numbers.size() != 2 || !major || !minor)
      throw Error("/proc/self/mountinfo", "a line that is not understood: " + escape_bytes(line));
    Mount mount;
    mount.id = static_cast<unsigned>(parse_unsigned(fields[0]).value_or(0));
    mount.major = static_cast<unsigned>(*major);
    mount.minor = static_cast<unsigned>(*minor);
    mount.root = unescape_octal(fields[3]);
    mount.point = unescape_octal(fields[4]);
    mount.type = unescape_octal(dash[1]);
    mount.source = unescape_octal(dash[2]);
    if (fields.end() - dash > 3) mount.options = unescape_octal(dash[3]);
    mounts.push_back(std::move(mount));
  }
  return mounts;
}

std::vector<Swap> parse_swaps(std::string_view text) {
  std::vector<Swap> swaps;
  for (std::string_view line : split(text, '\n')) {
    auto fields = words(line);  // Filename Type Size(KiB) Used Priority
    if (fields.size() < 3 || fields[0] == "Filename") continue;
    auto size = parse_unsigned(fields[2]);
    if (!size) throw Error("/proc/swaps", "a line that is not understood: " + escape_bytes(line));
    swaps.push_back({unescape_octal(fields[0]), fields[1] == "file", *size * 1024});
  }
  return swaps;
}

bool FstabEntry::has_option(std::string_view name) const {
  return std::find(options.begin(), options.end(), name) != options.end();
}

std::vector<FstabEntry> parse_fstab(std::string_view text) {
  std::vector<FstabEntry> entries;
  for (std::string_view line : split(text, '\n')) {
    auto fields = words(line);
    if (fields.size() < 3 || fields[0].front() == '#') continue;
    FstabEntry entry{unescape_octal(fields[0]), unescape_octal(fields[1]), std::string(fields[2]), {}};
    if (fields.size() > 3) {
      for (std::string_view option : split(fields[3], ',')) entry.options.emplace_back(option);
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace ka::server
