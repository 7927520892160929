#include "wire/storage/luks_header.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/text.h"
#include "wire/storage/superblock.h"

namespace ka::storage {

namespace {

using nlohmann::json;

constexpr std::string_view mark = "LUKS\xba\xbe";
constexpr std::uint64_t sector_size = 512;

// ---- LUKS 1

constexpr std::size_t header1_size = 592, first_slot = 208, slot_size = 48;
constexpr unsigned slots = 8;
constexpr std::uint64_t slot_in_use = 0x00ac71f3;

LuksHeader read_version_1(const Superblock& sb) {
  LuksHeader header;
  Crypt& crypt = header.crypt;
  crypt.version = 1;
  crypt.cipher = sb.text(8, 32) + "-" + sb.text(40, 32);
  crypt.hash = sb.text(72, 32);
  crypt.offset = sb.big(104, 4) * sector_size;
  const std::uint64_t key_bytes = sb.big(108, 4);
  if (key_bytes == 0 || key_bytes > 512) sb.fail("a key of " + std::to_string(key_bytes) + " bytes is impossible");
  crypt.key_bits = static_cast<std::uint32_t>(key_bytes * 8);
  crypt.uuid = lowered(sb.text(168, 40));
  crypt.key_derivation = "pbkdf2";
  for (unsigned slot = 0; slot < slots; ++slot)
    if (sb.big(first_slot + slot * slot_size, 4) == slot_in_use) ++header.keys;
  if (crypt.offset == 0) header.strange = "has its LUKS header on another device";
  if (crypt.cipher.find("-reencrypt") != std::string::npos) header.strange = "is being encrypted anew";
  return header;
}

// ---- LUKS 2

constexpr std::size_t binary_size = 4096;
constexpr unsigned deepest = 8;  // what cryptsetup writes has 5

// Before it is parsed: what is nested a million times would take memory for each.
bool is_too_deep(std::string_view text) {
  unsigned depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (in_string && text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      in_string = !in_string;
    } else if (!in_string && (text[i] == '{' || text[i] == '[')) {
      if (++depth > deepest) return true;
    } else if (!in_string && (text[i] == '}' || text[i] == ']')) {
      if (depth-- == 0) return true;
    }
  }
  return false;
}

// The JSON of a LUKS 2 header; numbers of 64 bits are texts there.
class Area {
 public:
  Area(const Superblock& sb, const std::string& text) : sb_(sb) {
    if (is_too_deep(text)) sb_.fail("its JSON is nested too deep");
    whole_ = json::parse(text, nullptr, false);
    if (whole_.is_discarded() || !whole_.is_object()) sb_.fail("its JSON is damaged");
  }

  /// The objects in a part of the whole, by their numbers.
  const json& part(const char* name) const {
    if (!whole_.contains(name) || !whole_[name].is_object()) sb_.fail(std::string("it has no ") + name);
    for (const auto& [key, value] : whole_[name].items())
      if (std::string_view(name) != "config" && !value.is_object()) sb_.fail(std::string(name) + " are damaged");
    return whole_[name];
  }
  const json& object(const json& in, const char* name) const {
    if (!in.contains(name) || !in[name].is_object()) sb_.fail(std::string("it has no ") + name);
    return in[name];
  }
  std::string text(const json& in, const char* name) const {
    if (!in.contains(name) || !in[name].is_string()) sb_.fail(std::string("it has no ") + name);
    return in[name].get<std::string>();
  }
  std::uint64_t number(const json& in, const char* name) const {
    if (in.contains(name) && in[name].is_number_unsigned()) return in[name].get<std::uint64_t>();
    const auto number = parse_unsigned(text(in, name));
    if (!number || *number > largest_size) sb_.fail(std::string("its ") + name + " is impossible");
    return *number;
  }
  std::set<std::string> texts(const json& in, const char* name) const {
    std::set<std::string> texts;
    if (!in.contains(name)) return texts;
    if (!in[name].is_array()) sb_.fail(std::string("its ") + name + " are damaged");
    for (const json& value : in[name])
      if (value.is_string()) texts.insert(value.get<std::string>());
    return texts;
  }

 private:
  const Superblock& sb_;
  json whole_;
};

// The one part that all of the device but its header is.
void read_segment(const Area& area, LuksHeader& header) {
  unsigned count = 0;
  for (const auto& [number, segment] : area.part("segments").items()) {
    if (area.texts(segment, "flags").count("backup-final") || area.texts(segment, "flags").count("backup-previous"))
      continue;
    const std::string type = area.text(segment, "type");
    if (type.starts_with("hw-opal")) header.strange = "is encrypted by its disk itself (OPAL)";
    if (++count > 1 || type != "crypt") {
      if (header.strange.empty()) header.strange = "is encrypted in several parts, each in its own way";
      continue;
    }
    header.crypt.cipher = area.text(segment, "encryption");
    header.crypt.offset = area.number(segment, "offset");
    const std::uint64_t sector = area.number(segment, "sector_size");
    header.crypt.sector = sector > 4096 ? 0 : static_cast<std::uint32_t>(sector);
    if (segment.contains("integrity"))
      header.strange = "has authenticated encryption (dm-integrity below LUKS)";
    else if (area.text(segment, "size") != "dynamic")
      header.strange = "encrypts only a part of its device";
    else if (area.number(segment, "iv_tweak") != 0)
      header.strange = "counts its sectors from another place than its beginning";
    else if (header.crypt.offset == 0)
      header.strange = "has its LUKS header on another device";
  }
  if (count == 0 && header.strange.empty()) header.strange = "encrypts nothing";
}

// Hash, size and derivation are those of what people type, or a file has: tokens bring slots of their own, with a key
// so long that how it is derived does not matter.
void read_slots(const Area& area, LuksHeader& header, const Superblock& sb) {
  std::set<std::string> of_tokens;
  for (const auto& [number, token] : area.part("tokens").items()) {
    header.tokens.push_back(area.text(token, "type"));
    of_tokens.merge(area.texts(token, "keyslots"));
  }
  bool chosen_of_token = true;
  for (const auto& [number, slot] : area.part("keyslots").items()) {
    if (area.text(slot, "type") != "luks2") {
      header.strange = "is being encrypted anew";
      continue;
    }
    ++header.keys;
    const bool of_token = of_tokens.count(number) > 0;
    const std::string derivation = area.text(area.object(slot, "kdf"), "type");
    // Of several, the one that a GRUB can read.
    const bool first = header.crypt.key_derivation.empty(), for_grub = derivation == "pbkdf2";
    if (!first && (of_token || (!chosen_of_token && !for_grub))) continue;
    const std::uint64_t bytes = area.number(slot, "key_size");
    if (bytes == 0 || bytes > 512) sb.fail("a key of " + std::to_string(bytes) + " bytes is impossible");
    chosen_of_token = of_token;
    header.crypt.key_derivation = derivation;
    header.crypt.key_bits = static_cast<std::uint32_t>(bytes * 8);
    header.crypt.hash = area.text(area.object(slot, "af"), "hash");
  }
}

LuksHeader read_version_2(const Superblock& sb, std::size_t size) {
  LuksHeader header;
  header.crypt.version = 2;
  header.crypt.label = sb.text(24, 48);
  header.crypt.uuid = lowered(sb.text(168, 40));
  const Area area(sb, sb.text(binary_size, size - binary_size));
  read_segment(area, header);
  read_slots(area, header, sb);
  if (header.crypt.key_derivation.empty() && header.strange.empty()) header.strange = "has no key that could open it";
  const json& config = area.part("config");
  for (const std::string& flag : area.texts(config, "flags")) {
    if (flag == "allow-discards")
      header.crypt.discards = true;
    else
      header.flags.push_back(flag);
  }
  if (!config.contains("requirements")) return header;
  for (const std::string& need : area.texts(config["requirements"], "mandatory"))
    header.strange = need.find("reencrypt") != std::string::npos
                         ? "is being encrypted anew"
                         : "needs \"" + printable(need) + "\", which is not known here";
  return header;
}

}  // namespace

bool is_luks(std::string_view beginning) { return beginning.starts_with(mark); }

std::size_t luks_header_size(std::string_view beginning) {
  const Superblock sb("LUKS", beginning);
  if (!is_luks(beginning)) sb.fail("its mark is missing");
  const std::uint64_t version = sb.big(6, 2);
  if (version == 1) return header1_size;
  if (version != 2) sb.fail("version " + std::to_string(version) + " is unknown");
  const std::uint64_t size = sb.big(8, 8);
  constexpr std::uint64_t least = 16384, most = 4 * mib;
  if (size < least || size > most || (size & (size - 1)) != 0)
    sb.fail("a header of " + std::to_string(size) + " bytes is impossible");
  return static_cast<std::size_t>(size);
}

LuksHeader read_luks_header(std::string_view bytes) {
  const Superblock sb("LUKS", bytes);
  const std::size_t size = luks_header_size(bytes);
  return size == header1_size ? read_version_1(sb) : read_version_2(sb, size);
}

}  // namespace ka::storage
