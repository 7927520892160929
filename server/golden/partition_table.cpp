#include "server/golden/partition_table.h"

#include <algorithm>

#include "base/error.h"
#include "wire/storage/check.h"
#include "wire/storage/labels.h"
#include "wire/storage/types.h"

namespace ka::server {

namespace {

using storage::Label;
using storage::mib;
using storage::Partition;
using storage::Role;
using storage::round_up_to_mib;

// What a disk laid out anew needs: 1 MiB in front of the first partition and of each logical one.
std::uint64_t needed_mib(const std::vector<Partition>& partitions) {
  std::uint64_t sum = 1;
  for (const Partition& p : partitions) {
    if (p.role != Role::logical) sum += round_up_to_mib(p.size.bytes);
  }
  return sum;
}

Partition* find_role(std::vector<Partition>& partitions, Role role) {
  auto found = std::find_if(partitions.begin(), partitions.end(), [&](const Partition& p) { return p.role == role; });
  return found == partitions.end() ? nullptr : &*found;
}

// Rounding up must not make the extended partition too small for what is in it.
void widen_extended(std::vector<Partition>& partitions) {
  Partition* extended = find_role(partitions, Role::extended);
  if (extended == nullptr) return;
  std::uint64_t inside = 0;
  for (const Partition& p : partitions) {
    if (p.role == Role::logical) inside += std::max<std::uint64_t>(round_up_to_mib(p.size.bytes), 1) + 1;
  }
  if (!extended->size.fill) extended->size.bytes = std::max(extended->size.bytes, inside * mib);
}

std::uint64_t end_of(const Partition& p) { return p.start + p.size.bytes; }

// A golden partition without its place, in whole MiB.
void round(Partition& p) {
  p.start = 0;
  p.size.bytes = p.size.fill ? 0 : round_up_to_mib(p.size.bytes) * mib;
}

// Rounding made the desc too large: the largest one gives what is missing.
void make_fit(std::vector<Partition>& partitions, std::uint64_t there) {
  const std::uint64_t needed = needed_mib(partitions);
  if (needed <= there) return;
  const std::uint64_t excess = (needed - there) * mib;
  auto size = [](const Partition& p) { return p.role == Role::extended ? 0 : p.size.bytes; };
  Partition& largest = *std::max_element(partitions.begin(), partitions.end(),
                                         [&](const Partition& a, const Partition& b) { return size(a) < size(b); });
  if (largest.size.fill || largest.size.bytes <= excess) return;
  largest.size.bytes -= excess;
  Partition* extended = find_role(partitions, Role::extended);
  if (largest.role == Role::logical && !extended->size.fill) extended->size.bytes -= excess;
}

constexpr std::size_t first_entry = 446, entry_size = 16, entries = 4, type_at = 4;
constexpr unsigned char protective_type = 0xee;

unsigned char type_in(std::string_view boot_record, std::size_t entry) {
  const std::size_t at = first_entry + entry * entry_size + type_at;
  return at < boot_record.size() ? static_cast<unsigned char>(boot_record[at]) : 0;
}

}  // namespace

std::vector<Partition> partitions_of(const std::string& name, const storage::ReadTable& table,
                                     const storage::Disk& disk) {
  if (table.partitions.empty()) throw Error("the partition table of " + name, "is empty");
  std::vector<Partition> partitions = table.partitions;
  storage::Storage whole;
  storage::add_disk(whole, name, disk, table.table, partitions);
  storage::check_places(whole, whole.nodes[1]);
  if (find_role(partitions, Role::logical) != nullptr && find_role(partitions, Role::extended) == nullptr)
    throw Error("the partition table of " + name, "has a logical partition without an extended one");
  // The extended one comes before what is in it, as their places have it.
  std::sort(partitions.begin(), partitions.end(),
            [](const Partition& a, const Partition& b) { return a.start < b.start; });

  Partition& last = partitions.back();
  constexpr std::uint64_t slack = 16 * mib;
  const Label label = table.table.label;
  const bool keeps_its_size = storage::is_type(label, last.type, "swap") || storage::is_type(label, last.type, "efi") ||
                              storage::is_type(label, last.type, "bios");
  if (keeps_its_size || end_of(last) + slack < disk.bytes) return partitions;
  last.size.fill = true;
  if (last.role == Role::logical) find_role(partitions, Role::extended)->size.fill = true;
  return partitions;
}

std::vector<Partition> desc_of(const std::string& name, const storage::ReadTable& table, const storage::Disk& disk) {
  std::vector<Partition> partitions = partitions_of(name, table, disk);
  const int last_on_disk = partitions.back().number;
  const bool last_is_logical = partitions.back().role == Role::logical;
  std::sort(partitions.begin(), partitions.end(),
            [](const Partition& a, const Partition& b) { return a.number < b.number; });
  // In a desc only the last line of each level can fill.
  Partition* extended = find_role(partitions, Role::extended);
  const bool extended_last =
      extended == nullptr || std::none_of(partitions.begin(), partitions.end(), [&](const auto& p) {
        return p.role != Role::logical && p.number > extended->number;
      });
  const bool last_line = last_on_disk == partitions.back().number && (!last_is_logical || extended_last);
  for (Partition& p : partitions) {
    if (!last_line) p.size.fill = false;
    round(p);
  }
  widen_extended(partitions);
  make_fit(partitions, (storage::rule(table.table.label).end(table.table, {disk.bytes, disk.sector})) / mib);
  return partitions;
}

std::string strange_table(const storage::ReadTable& table, std::string_view boot_record) {
  if (table.label == "bsd") return "is a BSD disklabel";
  if (table.label == "sun") return "is a Sun disklabel";
  if (table.label == "sgi") return "is an SGI disklabel";
  if (!table.known()) return "is of type " + table.label + ", which cannot be cloned";
  bool protective = false, others = false;
  for (std::size_t i = 0; i < entries; ++i) {
    const unsigned char type = type_in(boot_record, i);
    protective = protective || type == protective_type;
    others = others || (type != protective_type && type != 0);
  }
  if (table.table.label == Label::gpt && others)
    return "is a hybrid one: its MBR has partitions beside those of its GPT";
  if (table.table.label == Label::dos && protective)
    return "is the protective MBR of a GPT that is not there, or damaged; gdisk may mend it";
  return "";
}

}  // namespace ka::server
