#include "wire/storage/superblock.h"

#include <algorithm>
#include <cstdio>

#include "base/error.h"
#include "base/text.h"

namespace ka::storage {

std::string Superblock::bytes(std::size_t at, std::size_t size) const {
  if (at > bytes_.size() || size > bytes_.size() - at) fail("it is too short");
  return std::string(bytes_.substr(at, size));
}

std::uint64_t Superblock::little(std::size_t at, std::size_t size) const {
  std::string number = bytes(at, size);
  std::uint64_t value = 0;
  for (std::size_t i = size; i-- > 0;) value = value << 8 | static_cast<unsigned char>(number[i]);
  return value;
}

std::uint64_t Superblock::big(std::size_t at, std::size_t size) const {
  std::uint64_t value = 0;
  for (char c : bytes(at, size)) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

std::string Superblock::text(std::size_t at, std::size_t size) const {
  std::string text = bytes(at, size);
  return text.substr(0, text.find('\0'));
}

std::string Superblock::uuid(std::size_t at) const {
  constexpr const char* digits = "0123456789abcdef";
  std::string text;
  for (char c : bytes(at, 16)) {
    if (text.size() == 8 || text.size() == 13 || text.size() == 18 || text.size() == 23) text += '-';
    text += digits[static_cast<unsigned char>(c) >> 4];
    text += digits[static_cast<unsigned char>(c) & 15];
  }
  return text;
}

std::string Superblock::volume_id(std::size_t at) const {
  char text[16];
  const auto id = static_cast<unsigned>(little(at, 4));
  std::snprintf(text, sizeof text, "%04X-%04X", id >> 16, id & 0xffff);
  return text;
}

bool is_volume_id(std::string_view text) {
  return text.empty() || (text.size() == 9 && text[4] == '-' && text.rfind('-') == 4);
}

std::string Superblock::utf16(std::size_t at, std::size_t size) const {
  std::string text;
  for (std::size_t i = 0; i + 1 < size; i += 2) {
    auto c = static_cast<std::uint32_t>(little(at + i, 2));
    if (c == 0) break;
    if (c >= 0xd800 && c < 0xe000) {
      const auto low = static_cast<std::uint32_t>(i + 3 < size ? little(at + i + 2, 2) : 0);
      const bool pair = c < 0xdc00 && low >= 0xdc00 && low < 0xe000;
      c = pair ? 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00) : '?';
      if (pair) i += 2;
    }
    if (c < 0x80) {
      text += static_cast<char>(c);
      continue;
    }
    const int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    text += static_cast<char>((more == 1 ? 0xc0 : more == 2 ? 0xe0 : 0xf0) | c >> (6 * more));
    for (int shift = 6 * (more - 1); shift >= 0; shift -= 6) text += static_cast<char>(0x80 | (c >> shift & 63));
  }
  return text;
}

void Superblock::fail(const std::string& why) const { throw Error(kind_ + " superblock", why); }

void add_features(std::vector<std::string>& words, std::uint64_t bits, std::span<const FeatureBit> known,
                  const Superblock& superblock) {
  for (const FeatureBit& feature : known) {
    if (!(bits & feature.bit)) continue;
    bits &= ~feature.bit;
    if (std::find(words.begin(), words.end(), feature.word) == words.end()) words.emplace_back(feature.word);
  }
  char unknown[32];
  std::snprintf(unknown, sizeof unknown, "0x%llx", static_cast<unsigned long long>(bits));
  if (bits) superblock.fail(std::string("it has features that are not known here, bits ") + unknown);
}

void FieldList::operator()(const char* name, const std::vector<std::string>& list) {
  std::string all;
  for (const std::string& word : list) all += (all.empty() ? "" : " ") + word;
  fields.emplace_back(name, all);
}

std::string differing_fields(const FieldList& meant, const FieldList& made) {
  std::string differences;
  for (std::size_t i = 0; i < std::min(meant.fields.size(), made.fields.size()); ++i) {
    const auto& [name, value] = meant.fields[i];
    const std::string& other = made.fields[i].second;
    if (value.empty() || value == other) continue;
    differences += (differences.empty() ? "" : ", ") + std::string("its ") + name + " is \"" + escape_bytes(other) +
                   "\" and not \"" + escape_bytes(value) + "\"";
  }
  return differences;
}

}  // namespace ka::storage
