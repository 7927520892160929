#include "server/partition_table.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/text.h"

namespace ka::server {

namespace {

using nlohmann::json;
using wire::Partition;

constexpr std::uint64_t mib = 1024 * 1024;
constexpr int first_logical = 5;

std::uint64_t round_up(std::uint64_t bytes) { return (bytes + mib - 1) / mib; }

// "/dev/sda5" on "/dev/sda", "/dev/nvme0n1p5", "disk.img5": the digits at the end, which is where "p" may stand.
int number_of(std::string_view node) {
  std::size_t digits = node.find_last_not_of("0123456789") + 1;
  auto number = parse_unsigned(node.substr(digits));
  if (!number) throw Error("sfdisk --json", "a partition without a number: " + escape_bytes(node));
  return static_cast<int>(*number);
}

PartitionTable::Entry entry_of(const json& partition, std::uint64_t sector) {
  PartitionTable::Entry entry;
  entry.number = number_of(partition.at("node").get_ref<const std::string&>());
  entry.start = partition.at("start").get<std::uint64_t>() * sector;
  entry.size = partition.at("size").get<std::uint64_t>() * sector;
  auto type = parse_unsigned(partition.at("type").get_ref<const std::string&>(), 16);
  if (!type || *type > 0xff) throw Error("sfdisk --json", "a partition type that is not two hexadecimal digits");
  entry.type = static_cast<std::uint8_t>(*type);
  entry.bootable = partition.value("bootable", false);
  return entry;
}

Partition plain(const PartitionTable::Entry& entry) {
  Partition partition;
  partition.number = entry.number;
  partition.type = entry.type;
  partition.bootable = entry.bootable;
  partition.kind = entry.number >= first_logical   ? Partition::Kind::logical
                   : wire::is_extended(entry.type) ? Partition::Kind::extended
                                                   : Partition::Kind::primary;
  partition.size_mib = round_up(entry.size);
  return partition;
}

// What a disk laid out anew needs: 1 MiB in front of the first partition and of each logical one.
std::uint64_t needed_mib(const std::vector<Partition>& partitions) {
  std::uint64_t sum = 1;
  for (const Partition& p : partitions) {
    if (p.kind != Partition::Kind::logical) sum += p.size_mib.value_or(0);
  }
  return sum;
}

Partition* find_kind(std::vector<Partition>& partitions, Partition::Kind kind) {
  auto found = std::find_if(partitions.begin(), partitions.end(), [&](const Partition& p) { return p.kind == kind; });
  return found == partitions.end() ? nullptr : &*found;
}

// Rounding up must not make the extended partition too small for what is in it.
void widen_extended(std::vector<Partition>& partitions) {
  Partition* extended = find_kind(partitions, Partition::Kind::extended);
  if (extended == nullptr) return;
  std::uint64_t inside = 0;
  for (const Partition& p : partitions) {
    if (p.kind == Partition::Kind::logical) inside += *p.size_mib + 1;
  }
  extended->size_mib = std::max(*extended->size_mib, inside);
}

}  // namespace

const PartitionTable::Entry* PartitionTable::find(int number) const {
  auto found = std::find_if(entries.begin(), entries.end(), [&](const Entry& e) { return e.number == number; });
  return found == entries.end() ? nullptr : &*found;
}

PartitionTable parse_sfdisk(std::string_view text) {
  PartitionTable result;
  try {
    json table = json::parse(text).at("partitiontable");
    result.label = table.at("label").get<std::string>();
    if (result.label != "dos") return result;
    std::string identifier = table.at("id").get<std::string>();  // "0x59be1427"
    auto value = parse_unsigned(std::string_view(identifier).substr(std::min<std::size_t>(2, identifier.size())), 16);
    if (!value || *value > 0xffffffff)
      throw Error("sfdisk --json", "a disk identifier that is not 32 bits: " + identifier);
    result.identifier = static_cast<std::uint32_t>(*value);
    // Older versions leave the sector size out; then it is 512.
    std::uint64_t sector = table.value("sectorsize", std::uint64_t{512});
    if (table.contains("partitions")) {
      for (const json& partition : table.at("partitions")) result.entries.push_back(entry_of(partition, sector));
    }
  } catch (const json::exception& error) {
    throw Error("sfdisk --json", error.what());
  }
  std::sort(result.entries.begin(), result.entries.end(),
            [](const auto& a, const auto& b) { return a.number < b.number; });
  return result;
}

std::vector<Partition> partitions_of(const PartitionTable& table, std::uint64_t disk_size) {
  if (table.label != "dos")
    throw Error("partition table", "is " + table.label + "; only DOS (MBR) tables can be cloned so far");
  std::vector<Partition> partitions;
  const PartitionTable::Entry* last = nullptr;  // on the disk, not by number
  for (const PartitionTable::Entry& entry : table.entries) {
    partitions.push_back(plain(entry));
    if (!wire::is_extended(entry.type) && (last == nullptr || entry.start > last->start)) last = &entry;
  }
  if (last == nullptr) return partitions;
  widen_extended(partitions);

  // Partitions are laid out in the order of their numbers, so only the last of them can take the rest.
  auto same = [&](const Partition& p) { return p.number == last->number; };
  Partition& end = *std::find_if(partitions.begin(), partitions.end(), same);
  Partition* extended = find_kind(partitions, Partition::Kind::extended);
  bool logical = end.kind == Partition::Kind::logical;
  if (logical && extended == nullptr) throw Error("partition table", "a logical partition without an extended one");
  bool last_by_number = std::none_of(partitions.begin(), partitions.end(), [&](const Partition& p) {
    if (p.kind != Partition::Kind::logical) return p.number > (logical ? extended->number : end.number);
    return logical && p.number > end.number;
  });
  constexpr std::uint64_t slack = 16 * mib;
  if (!last_by_number || last->start + last->size + slack < disk_size) return partitions;
  if (end.type != 0x82) {
    end.size_mib.reset();
    if (logical) extended->size_mib.reset();
    return partitions;
  }
  std::uint64_t needed = needed_mib(partitions), there = disk_size / mib;
  std::uint64_t excess = needed > there ? needed - there : 0;
  if (excess > 0 && excess < *end.size_mib) {
    *end.size_mib -= excess;
    if (logical) *extended->size_mib -= excess;
  }
  return partitions;
}

}  // namespace ka::server
