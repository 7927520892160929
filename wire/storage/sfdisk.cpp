#include "wire/storage/sfdisk.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/text.h"
#include "wire/storage/labels.h"

namespace ka::storage {

namespace {

using nlohmann::json;

constexpr int first_logical = 5;

struct Attribute {
  const char* word;
  int bit;
};
constexpr Attribute attributes[] = {{"RequiredPartition", 0}, {"NoBlockIOProtocol", 1}, {"LegacyBIOSBootable", 2}};
constexpr int first_own_bit = 48;  // "GUID:48,63": bits that mean what the partition's type says
constexpr std::string_view own_bits = "GUID:";
constexpr unsigned usual_slots = 128;

// "/dev/sda5" on "/dev/sda", "/dev/nvme0n1p5", "disk.img5": the digits at the end, which is where "p" may stand.
int number_of(std::string_view node) {
  std::size_t digits = node.find_last_not_of("0123456789") + 1;
  auto number = parse_unsigned(node.substr(digits));
  if (!number || *number > 100000) throw Error("sfdisk --json", "a partition without a number: " + escape_bytes(node));
  return static_cast<int>(*number);
}

std::uint64_t attributes_of(std::string_view text) {
  std::uint64_t bits = 0;
  for (std::string_view word : words(text)) {
    for (const Attribute& attribute : attributes)
      if (word == attribute.word) bits |= std::uint64_t{1} << attribute.bit;
    if (!word.starts_with(own_bits)) continue;
    for (std::string_view bit : split(word.substr(own_bits.size()), ','))
      if (auto number = parse_unsigned(bit); number && *number < 64) bits |= std::uint64_t{1} << *number;
  }
  return bits;
}

std::string text_of_attributes(std::uint64_t bits) {
  std::string text, own;
  for (const Attribute& attribute : attributes)
    if (bits >> attribute.bit & 1) text += (text.empty() ? "" : " ") + std::string(attribute.word);
  for (int bit = first_own_bit; bit < 64; ++bit)
    if (bits >> bit & 1) own += (own.empty() ? own_bits : std::string_view(",")), own += std::to_string(bit);
  if (!own.empty()) text += (text.empty() ? "" : " ") + own;
  return text;
}

std::string in_capitals(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

Partition partition_of(const json& entry, bool gpt, std::uint64_t sector) {
  Partition p;
  p.number = number_of(entry.at("node").get_ref<const std::string&>());
  const auto start = entry.at("start").get<std::uint64_t>(), size = entry.at("size").get<std::uint64_t>();
  if (start > largest_size / sector || size > largest_size / sector)
    throw Error("sfdisk --json", "a partition beyond all disks");
  p.start = start * sector;
  p.size.bytes = size * sector;
  p.type = entry.at("type").get<std::string>();
  p.active = entry.value("bootable", false);
  if (gpt) {
    p.type = in_capitals(p.type);
    p.guid = in_capitals(entry.value("uuid", ""));
    p.name = entry.value("name", "");
    p.attributes = attributes_of(entry.value("attrs", ""));
    return p;
  }
  if (auto type = parse_unsigned(p.type, 16); !type || *type > 0xff)
    throw Error("sfdisk --json", "a partition type that is not two hexadecimal digits");
  p.role = p.number >= first_logical ? Role::logical : is_extended(p.type) ? Role::extended : Role::plain;
  return p;
}

std::string dos_identity(const std::string& text) {
  auto value = text.starts_with("0x") ? parse_unsigned(text.substr(2), 16) : std::nullopt;
  if (!value || *value > 0xffffffff) throw Error("sfdisk --json", "a disk identifier that is not 32 bits: " + text);
  char eight_digits[16];
  std::snprintf(eight_digits, sizeof eight_digits, "0x%08x", static_cast<unsigned>(*value));
  return eight_digits;
}

void add_partitions(ReadTable& read, const json& table) {
  for (const json& entry : table.value("partitions", json::array())) {
    Partition p = partition_of(entry, read.table.label == Label::gpt, read.sector);
    // An entry of no size is not a partition: the kernel shows none either.
    if (p.size.bytes > 0) read.partitions.push_back(std::move(p));
  }
  std::sort(read.partitions.begin(), read.partitions.end(),
            [](const auto& a, const auto& b) { return a.number < b.number; });
}

// sfdisk turns \xHH back.
std::string quoted(const std::string& name) {
  std::string text = "\"";
  for (char c : name) {
    char hex[8];
    std::snprintf(hex, sizeof hex, "\\x%02x", static_cast<unsigned char>(c));
    if (c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20)
      text += hex;
    else
      text += c;
  }
  return text + "\"";
}

std::string line_of(const Partition& p, const Place& place) {
  // sfdisk takes the number from the end of the device's name.
  std::string line = "partition" + std::to_string(p.number) +
                     " : start=" + std::to_string(place.start / place.ground.sector) +
                     ", size=" + std::to_string(place.ground.bytes / place.ground.sector) + ", type=" + p.type;
  if (!p.guid.empty()) line += ", uuid=" + p.guid;
  if (!p.name.empty()) line += ", name=" + quoted(p.name);
  if (p.attributes != 0) line += ", attrs=\"" + text_of_attributes(p.attributes) + "\"";
  if (p.active) line += ", bootable";
  return line + "\n";
}

}  // namespace

const Partition* ReadTable::find(int number) const {
  auto found = std::find_if(partitions.begin(), partitions.end(), [&](const auto& p) { return p.number == number; });
  return found == partitions.end() ? nullptr : &*found;
}

ReadTable read_sfdisk(std::string_view text) {
  ReadTable read;
  try {
    const json table = json::parse(text).at("partitiontable");
    read.label = table.at("label").get<std::string>();
    if (!read.known()) return read;
    read.table.label = read.label == label_names[0] ? Label::dos : Label::gpt;
    const bool gpt = read.table.label == Label::gpt;
    read.table.identity = table.at("id").get<std::string>();
    if (gpt) read.table.identity = in_capitals(read.table.identity);
    if (!gpt) read.table.identity = dos_identity(read.table.identity);
    // Older versions leave the sector size out; then it is 512.
    read.sector = table.value("sectorsize", std::uint32_t{512});
    if (gpt) {
      const std::string slots = table.value("table-length", std::to_string(usual_slots));
      read.table.slots = static_cast<unsigned>(parse_unsigned(slots).value_or(0));
    }
    add_partitions(read, table);
  } catch (const json::exception& error) {
    throw Error("sfdisk --json", error.what());
  }
  return read;
}

std::string sfdisk_script(const Storage& storage, const Node& node, const Places& places) {
  const Table& table = as<Table>(node);
  const std::uint32_t sector = places.at(node.id).ground.sector;
  std::string script = std::string("label: ") + rule(table.label).name + "\n";
  if (!table.identity.empty()) script += "label-id: " + table.identity + "\n";
  script += "unit: sectors\n";
  if (table.slots != 0) {
    // Of itself sfdisk would leave the first MiB free, which an older table may use.
    script += "first-lba: " + std::to_string(rule(table.label).first(table, sector) / sector) + "\n";
    if (table.slots != usual_slots) script += "table-length: " + std::to_string(table.slots) + "\n";
  }
  script += "\n";
  // sfdisk makes logical partitions one after the other; where each lies is another matter.
  std::vector<const Node*> partitions = storage.on(node.id);
  std::sort(partitions.begin(), partitions.end(),
            [](const Node* a, const Node* b) { return as<Partition>(*a).number < as<Partition>(*b).number; });
  for (const Node* p : partitions) script += line_of(as<Partition>(*p), places.at(p->id));
  return script;
}

std::string difference(const Storage& storage, const Node& node, const Places& places, const ReadTable& made) {
  const Table& table = as<Table>(node);
  if (made.label != rule(table.label).name) return "the table is " + made.label;
  if (!table.identity.empty() && made.table.identity != table.identity)
    return "the table's identity is " + made.table.identity + " and not " + table.identity;
  const auto partitions = storage.on(node.id);
  if (made.partitions.size() != partitions.size())
    return "there are " + std::to_string(made.partitions.size()) + " partitions and not " +
           std::to_string(partitions.size());
  for (const Node* node_of : partitions) {
    const Partition& meant = as<Partition>(*node_of);
    const Place& place = places.at(node_of->id);
    const Partition* p = made.find(meant.number);
    const std::string name = "partition " + std::to_string(meant.number);
    if (!p) return "there is no " + name;
    if (p->start != place.start || p->size.bytes != place.ground.bytes) return name + " lies elsewhere";
    if (p->type != meant.type) return name + " is of type " + p->type + " and not " + meant.type;
    if (!meant.guid.empty() && p->guid != meant.guid)
      return name + " has the GUID " + p->guid + " and not " + meant.guid;
    if (p->name != meant.name) return name + " is called " + quoted(p->name) + " and not " + quoted(meant.name);
    if (p->attributes != meant.attributes)
      return name + " has the attributes \"" + text_of_attributes(p->attributes) + "\" and not \"" +
             text_of_attributes(meant.attributes) + "\"";
    if (p->active != meant.active) return name + (p->active ? " is" : " is not") + " bootable";
  }
  return "";
}

}  // namespace ka::storage
