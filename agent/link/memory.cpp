#include "agent/link/memory.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "base/files.h"
#include "base/text.h"

namespace ka::agent {

namespace {

constexpr std::uint64_t mib = 1 << 20;

// A figure of /proc/meminfo in bytes.
std::optional<std::uint64_t> figure(const std::string& procfs, std::string_view name) {
  const std::string text = read_file_if_any(procfs + "/meminfo").value_or("");
  for (std::string_view line : split(text, '\n')) {
    auto fields = words(line);
    if (fields.size() >= 2 && fields[0] == name) return parse_unsigned(fields[1]).value_or(0) * 1024;
  }
  return std::nullopt;
}

// Where it is not to be had, enough for the least that is of use.
std::uint64_t available_memory() { return figure("/proc", "MemAvailable:").value_or(512 * mib); }

}  // namespace

std::uint64_t memory_for_stream() { return std::clamp(available_memory() / 8, 8 * mib, 512 * mib); }

std::uint64_t memory_to_write_back(const std::string& procfs) {
  return figure(procfs, "Dirty:").value_or(0) + figure(procfs, "Writeback:").value_or(0);
}

// Enough for a disk to have always something to do; a disk of 10 MB/s still writes all of it in half a minute.
std::uint64_t memory_for_writes(std::uint64_t total) { return std::clamp(total / 16, 16 * mib, 256 * mib); }

std::uint64_t memory_in_all() { return figure("/proc", "MemTotal:").value_or(512 * mib); }

}  // namespace ka::agent
