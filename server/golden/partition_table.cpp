#include "server/golden/partition_table.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/text.h"
#include "wire/partition_places.h"

namespace ka::server {

namespace {

using nlohmann::json;
using wire::Partition;

constexpr std::uint64_t mib = 1024 * 1024;
constexpr int first_logical = 5;
constexpr std::uint8_t swap_type = 0x82;

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
  partition.golden_start = entry.start;
  partition.golden_size = entry.size;
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
    if (p.kind == Partition::Kind::logical) inside += p.size_mib.value_or(1) + 1;
  }
  if (extended->size_mib) extended->size_mib = std::max(*extended->size_mib, inside);
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
      // An entry of no size is not a partition: the kernel shows none either.
      for (const json& partition : table.at("partitions"))
        if (auto entry = entry_of(partition, sector); entry.size > 0) result.entries.push_back(entry);
    }
  } catch (const json::exception& error) {
    throw Error("sfdisk --json", error.what());
  }
  std::sort(result.entries.begin(), result.entries.end(),
            [](const auto& a, const auto& b) { return a.number < b.number; });
  return result;
}

std::vector<Partition> partitions_of(const std::string& name, const PartitionTable& table, std::uint64_t disk_size) {
  if (table.label != "dos")
    throw Error("the partition table of " + name, "is " + table.label + "; only DOS (MBR) tables can be cloned so far");
  if (table.entries.empty()) throw Error("the partition table of " + name, "is empty");
  std::vector<Partition> partitions;
  for (const PartitionTable::Entry& entry : table.entries) partitions.push_back(plain(entry));
  wire::check_places(name, partitions, disk_size);
  if (find_kind(partitions, Partition::Kind::logical) != nullptr &&
      find_kind(partitions, Partition::Kind::extended) == nullptr)
    throw Error("the partition table of " + name, "has a logical partition without an extended one");
  // The extended one comes before what is in it, as their places have it.
  std::sort(partitions.begin(), partitions.end(),
            [](const Partition& a, const Partition& b) { return a.golden_start < b.golden_start; });
  widen_extended(partitions);

  Partition* extended = find_kind(partitions, Partition::Kind::extended);
  Partition& last = partitions.back();
  constexpr std::uint64_t slack = 16 * mib;
  if (last.type == swap_type || last.golden_start + last.golden_size + slack < disk_size) return partitions;
  last.size_mib.reset();
  if (last.kind == Partition::Kind::logical) extended->size_mib.reset();
  return partitions;
}

std::vector<Partition> desc_of(const std::string& name, const PartitionTable& table, std::uint64_t disk_size) {
  std::vector<Partition> partitions = partitions_of(name, table, disk_size);
  const int last_on_disk = partitions.back().number;
  std::sort(partitions.begin(), partitions.end(),
            [](const Partition& a, const Partition& b) { return a.number < b.number; });
  // In a desc only the last line of each level can fill.
  Partition* extended = find_kind(partitions, Partition::Kind::extended);
  const bool last_is_logical = last_on_disk >= first_logical;
  const bool extended_last =
      extended == nullptr || std::none_of(partitions.begin(), partitions.end(), [&](const auto& p) {
        return p.number < first_logical && p.number > extended->number;
      });
  for (Partition& p : partitions) {
    const bool last_of_all = p.number == partitions.back().number && (!last_is_logical || extended_last);
    if (!p.size_mib && p.kind != Partition::Kind::extended && !last_of_all) {
      p.size_mib = round_up(p.golden_size);
      if (last_is_logical) extended->size_mib = round_up(extended->golden_size);
    }
  }
  widen_extended(partitions);
  const std::uint64_t needed = needed_mib(partitions), there = disk_size / mib;
  if (needed <= there) return partitions;
  // Rounding made it too large: the largest one gives what is missing.
  const std::uint64_t excess = needed - there;
  auto smaller = [](const Partition& a, const Partition& b) {
    auto size = [](const Partition& p) { return p.kind == Partition::Kind::extended ? 0 : p.size_mib.value_or(0); };
    return size(a) < size(b);
  };
  Partition& largest = *std::max_element(partitions.begin(), partitions.end(), smaller);
  if (!largest.size_mib || *largest.size_mib <= excess) return partitions;
  *largest.size_mib -= excess;
  if (largest.kind == Partition::Kind::logical && extended->size_mib) *extended->size_mib -= excess;
  return partitions;
}

}  // namespace ka::server
