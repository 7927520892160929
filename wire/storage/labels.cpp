#include "wire/storage/labels.h"

#include <algorithm>
#include <cctype>
#include <cstdio>

#include "base/text.h"

namespace ka::storage {

namespace {

// ---- DOS (MBR) ----

constexpr int last_primary = 4, last_logical = 63;

std::uint64_t dos_first(const Table&, std::uint32_t sector) { return sector; }

// It counts sectors in 32 bits.
std::uint64_t dos_end(const Table&, const Ground& disk) {
  return std::min(disk.bytes / disk.sector, (std::uint64_t{1} << 32) - 1) * disk.sector;
}

void dos_check_table(const Table& table, const Where& where) {
  const std::string& id = table.identity;
  const bool number = id.size() == 10 && id.starts_with("0x") && parse_unsigned(id.substr(2), 16);
  if (!id.empty() && !number) where.fail("identity", "\"" + escape_bytes(id) + "\" is not 0x and eight digits");
  if (table.slots != 0) where.fail("slots", "a DOS table has none");
}

void dos_check_partition(const Table&, const Partition& p, const Where& where) {
  auto type = parse_unsigned(p.type, 16);
  if (!type || *type > 0xff || p.type.size() > 2)
    where.fail("type", "\"" + escape_bytes(p.type) + "\" is not 1 to ff, hexadecimal");
  if (*type == 0) where.fail("type", "0 means an empty slot");
  if (is_extended(p.type) != (p.role == Role::extended)) where.fail("type", "does not go with its role");
  const bool logical = p.role == Role::logical;
  if (logical ? p.number <= last_primary || p.number > last_logical : p.number < 1 || p.number > last_primary)
    where.fail("number", std::to_string(p.number) + (logical ? " is not 5 to 63" : " is not 1 to 4"));
  if (!p.guid.empty()) where.fail("guid", "a DOS table keeps none");
  if (!p.name.empty()) where.fail("name", "a DOS table keeps none");
  if (p.attributes != 0) where.fail("attributes", "a DOS table keeps none");
}

std::string dos_part_uuid(const Table& table, const Partition& p) {
  if (table.identity.empty() || parse_unsigned(table.identity.substr(2), 16) == 0) return {};
  char text[16];
  std::snprintf(text, sizeof text, "-%02x", static_cast<unsigned>(p.number));
  return table.identity.substr(2) + text;
}

// ---- GPT ----

constexpr std::uint64_t slot_size = 128;
constexpr unsigned least_slots = 1, most_slots = 1024;
constexpr std::size_t longest_name = 36 * 4;  // 36 UTF-16 units, as UTF-8 has them at most

std::uint64_t slot_sectors(const Table& table, std::uint32_t sector) {
  return (table.slots * slot_size + sector - 1) / sector;
}

// Behind the protective MBR, the header and the slots; in front of their copies.
std::uint64_t gpt_first(const Table& table, std::uint32_t sector) { return (2 + slot_sectors(table, sector)) * sector; }

std::uint64_t gpt_end(const Table& table, const Ground& disk) {
  const std::uint64_t sectors = disk.bytes / disk.sector, copies = 1 + slot_sectors(table, disk.sector);
  return sectors > copies ? (sectors - copies) * disk.sector : 0;
}

void gpt_check_table(const Table& table, const Where& where) {
  if (!table.identity.empty() && !is_guid(table.identity))
    where.fail("identity", "\"" + escape_bytes(table.identity) + "\" is not a GUID");
  if (table.slots < least_slots || table.slots > most_slots)
    where.fail("slots", std::to_string(table.slots) + " are not 1 to 1024");
}

void gpt_check_partition(const Table& table, const Partition& p, const Where& where) {
  if (!is_guid(p.type)) where.fail("type", "\"" + escape_bytes(p.type) + "\" is not a GUID");
  if (p.role != Role::plain) where.fail("role", "a GPT has no extended partition");
  if (p.number < 1 || p.number > static_cast<int>(table.slots))
    where.fail("number", std::to_string(p.number) + " is not 1 to " + std::to_string(table.slots));
  if (!p.guid.empty() && !is_guid(p.guid)) where.fail("guid", "\"" + escape_bytes(p.guid) + "\" is not a GUID");
  where.label("name", p.name);
  if (p.name.size() > longest_name) where.fail("name", "is too long");
  if (p.active) where.fail("active", "a GPT keeps none");
}

std::string gpt_part_uuid(const Table&, const Partition& p) { return lowered(p.guid); }

// In the order of Label.
const LabelRule rules[] = {
    {"dos", dos_first, dos_end, dos_check_table, dos_check_partition, dos_part_uuid},
    {"gpt", gpt_first, gpt_end, gpt_check_table, gpt_check_partition, gpt_part_uuid},
};
static_assert(std::size(rules) == std::size(label_names));

}  // namespace

const LabelRule& rule(Label label) { return rules[static_cast<std::size_t>(label)]; }

bool is_extended(std::string_view type) {
  auto number = parse_unsigned(type, 16);
  return number == 0x05 || number == 0x0f || number == 0x85;
}

bool is_guid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const bool digit = (text[i] >= '0' && text[i] <= '9') || (text[i] >= 'A' && text[i] <= 'F');
    if (dash ? text[i] != '-' : !digit) return false;
  }
  return true;
}

std::string partition_name(std::string_view disk, int number) {
  std::string name(disk);
  if (!name.empty() && std::isdigit(static_cast<unsigned char>(name.back()))) name += 'p';
  return name + std::to_string(number);
}

}  // namespace ka::storage
