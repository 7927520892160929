#include "agent/memory.h"

#include <algorithm>

#include "base/files.h"
#include "base/text.h"

namespace ka::agent {

namespace {

constexpr std::uint64_t mib = 1 << 20;

// MemAvailable of /proc/meminfo in bytes; where it is not to be had, enough for the least that is of use.
std::uint64_t available_memory() {
  const std::string text = read_file_if_any("/proc/meminfo").value_or("");
  for (std::string_view line : split(text, '\n')) {
    auto fields = words(line);
    if (fields.size() >= 2 && fields[0] == "MemAvailable:") return parse_unsigned(fields[1]).value_or(0) * 1024;
  }
  return 512 * mib;
}

}  // namespace

std::uint64_t memory_for_stream() { return std::clamp(available_memory() / 8, 8 * mib, 512 * mib); }

}  // namespace ka::agent
