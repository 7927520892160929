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
