#include "agent/storage/partition_table.h"

#include <algorithm>
#include <cstdio>
#include <optional>

#include "base/error.h"
#include "wire/partition_places.h"

namespace ka::agent {

namespace {

constexpr std::uint64_t mib = 1 << 20;
constexpr int first_logical = 5;

using Kind = wire::Partition::Kind;
using wire::Partition;

// Logical partitions share the extended one, all others the disk.
bool on_level(const Partition& p, bool logical) { return (p.kind == Kind::logical) == logical; }

// What the logical partitions need at least, each with the MiB of its extended boot record.
std::uint64_t logical_need(const std::vector<Partition>& partitions) {
  std::uint64_t need = 0;
  for (const Partition& p : partitions)
    if (p.kind == Kind::logical) need += 1 + p.size_mib.value_or(1);
  return need;
}

std::uint64_t fixed_size(const Partition& p, const std::vector<Partition>& partitions) {
  std::uint64_t size = p.size_mib.value_or(0);
  return p.kind == Kind::extended ? std::max(size, logical_need(partitions)) : size;
}

// Gives each partition of one level its place in [start, end).
void place_level(const wire::Disk& golden, bool logical, std::uint64_t start, std::uint64_t end,
                 std::vector<PlacedPartition>& placed) {
  std::uint64_t fixed = 0;
  bool fills = false;
  for (const Partition& p : golden.partitions) {
    if (!on_level(p, logical)) continue;
    if (p.size_mib) fixed += fixed_size(p, golden.partitions);
    fills = fills || !p.size_mib;
    if (logical) fixed += 1;
  }
  std::uint64_t room = end - start;
  if (fixed + (fills ? 1 : 0) > room)
    throw Error(std::string("place the ") + (logical ? "logical " : "") + "partitions of the golden " + golden.name,
                "they need " + std::to_string(fixed + (fills ? 1 : 0)) + " MiB, there are " + std::to_string(room));
  for (PlacedPartition& p : placed) {
    if (!on_level(p.partition, logical)) continue;
    if (logical) start += 1;
    const std::uint64_t size = p.partition.size_mib ? fixed_size(p.partition, golden.partitions) : room - fixed;
    p.start = start * mib;
    p.size = size * mib;
    start += size;
  }
}

std::uint64_t golden_end(const Partition& p) { return p.golden_start + p.golden_size; }

// sfdisk keeps the boot record of the logical partition 5 at the start of the extended one, and that of each other one
// in the sector before it.
bool has_boot_record(const Partition& logical, const wire::Disk& golden, std::uint32_t sector) {
  const bool first = logical.number == first_logical;
  auto needed_from = [&](const Partition& p) -> std::uint64_t {
    if (p.kind == Kind::extended) return p.golden_start + (first ? 1 : 2) * std::uint64_t{sector};
    const bool in_front = p.kind == Kind::logical && p.golden_start < logical.golden_start;
    return in_front && !first ? golden_end(p) + sector : 0;
  };
  return std::all_of(golden.partitions.begin(), golden.partitions.end(),
                     [&](const Partition& p) { return needed_from(p) <= logical.golden_start; });
}

// The golden table as it is, on a disk that has this many bytes for it; nullopt: it cannot be.
std::optional<std::vector<PlacedPartition>> place_as_golden(const wire::Disk& golden, std::uint64_t end,
                                                            std::uint32_t sector_size) {
  if (!wire::have_places(golden.partitions)) return std::nullopt;
  std::uint64_t last = 0;
  for (const Partition& p : golden.partitions) {
    if (p.golden_start % sector_size != 0 || p.golden_size % sector_size != 0 || golden_end(p) > end)
      return std::nullopt;
    if (p.kind == Kind::logical && !has_boot_record(p, golden, sector_size)) return std::nullopt;
    last = std::max(last, golden_end(p));
  }
  // A little larger disk is no reason for a partition that ends nowhere in particular.
  const std::uint64_t filled = std::max(last, end / mib * mib);
  std::vector<PlacedPartition> placed;
  for (const Partition& p : golden.partitions) {
    PlacedPartition one;
    one.partition = p;
    one.start = p.golden_start;
    one.size = p.size_mib ? p.golden_size : filled - p.golden_start;
    placed.push_back(one);
  }
  return placed;
}

// An MBR counts sectors in 32 bits.
std::uint64_t usable(std::uint64_t disk_size, std::uint32_t sector_size) {
  return std::min(disk_size / sector_size, (std::uint64_t{1} << 32) - 1) * sector_size;
}

}  // namespace

std::vector<PlacedPartition> place_partitions(const wire::Disk& golden, std::uint64_t disk_size,
                                              std::uint32_t sector_size) {
  auto as_golden = place_as_golden(golden, usable(disk_size, sector_size), sector_size);
  return as_golden ? *std::move(as_golden) : place_anew(golden, disk_size, sector_size);
}

std::vector<PlacedPartition> place_anew(const wire::Disk& golden, std::uint64_t disk_size, std::uint32_t sector_size) {
  std::vector<PlacedPartition> placed;
  for (const Partition& p : golden.partitions) {
    PlacedPartition one;
    one.partition = p;
    placed.push_back(one);
  }
  const std::uint64_t end = usable(disk_size, sector_size) / mib;
  if (end < 2) throw Error("place the partitions of the golden " + golden.name, "the disk is smaller than 2 MiB");
  place_level(golden, false, 1, end, placed);
  auto extended = std::find_if(placed.begin(), placed.end(),
                               [](const PlacedPartition& p) { return p.partition.kind == Kind::extended; });
  if (extended != placed.end())
    place_level(golden, true, extended->start / mib, (extended->start + extended->size) / mib, placed);
  return placed;
}

std::string sfdisk_script(const wire::Disk& golden, std::vector<PlacedPartition> partitions,
                          std::uint32_t sector_size) {
  // sfdisk makes logical partitions one after the other; where each lies is another matter.
  auto by_number = [](const PlacedPartition& a, const PlacedPartition& b) {
    return a.partition.number < b.partition.number;
  };
  std::sort(partitions.begin(), partitions.end(), by_number);
  char line[160];
  std::snprintf(line, sizeof line, "label: dos\nlabel-id: 0x%08x\nunit: sectors\n\n", golden.identifier);
  std::string script = line;
  for (const PlacedPartition& p : partitions) {
    // sfdisk takes the number from the end of the device's name.
    std::snprintf(line, sizeof line, "partition%d : start=%llu, size=%llu, type=%x%s\n", p.partition.number,
                  static_cast<unsigned long long>(p.start / sector_size),
                  static_cast<unsigned long long>(p.size / sector_size), p.partition.type,
                  p.partition.bootable ? ", bootable" : "");
    script += line;
  }
  return script;
}

const std::string& unfinished_boot_code() {
  static const std::string code = [] {
    // clang-format off
    const unsigned char program[] = {
        0x31, 0xc0,        // xor ax, ax
        0x8e, 0xd8,        // mov ds, ax
        0xfc,              // cld
        0xbe, 0x1b, 0x7c,  // mov si, 0x7c00 + 27: the text
        0xac,              // next: lodsb
        0x84, 0xc0,        // test al, al
        0x74, 0x09,        // jz done
        0xb4, 0x0e,        // mov ah, 0x0e: teletype
        0xbb, 0x07, 0x00,  // mov bx, 7
        0xcd, 0x10,        // int 0x10
        0xeb, 0xf2,        // jmp next
        0xcd, 0x18,        // done: int 0x18: boot the next device
        0xf4,              // stop: hlt
        0xeb, 0xfd,        // jmp stop
    };
    // clang-format on
    std::string bytes(reinterpret_cast<const char*>(program), sizeof program);
    bytes += "KA: the clone on this disk is not finished.\r\n";
    bytes.resize(boot_code_size, '\0');
    return bytes;
  }();
  return code;
}

}  // namespace ka::agent
