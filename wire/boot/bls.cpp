#include "wire/boot/bls.h"

#include <algorithm>

#include "base/text.h"

namespace ka::boot {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

std::string_view taken(std::string_view& text, bool (*belongs)(char)) {
  std::size_t end = 0;
  while (end < text.size() && belongs(text[end])) ++end;
  std::string_view piece = text.substr(0, end);
  text.remove_prefix(end);
  return piece;
}

int sign(bool less, bool more) { return less ? -1 : more ? 1 : 0; }

// The higher version first; entries that count boots that failed ("+0-3" in their names) are as the others.
bool before_in_grub(const BlsEntry& a, const BlsEntry& b) { return compare_versions(a.id, b.id) > 0; }

bool before_in_systemd(const BlsEntry& a, const BlsEntry& b) {
  if (a.sort_key.empty() != b.sort_key.empty()) return !a.sort_key.empty();
  if (!a.sort_key.empty()) {
    if (a.sort_key != b.sort_key) return a.sort_key < b.sort_key;
    if (a.machine != b.machine) return a.machine < b.machine;
    if (const int order = compare_versions(a.version, b.version)) return order > 0;
  }
  return compare_versions(a.id, b.id) > 0;
}

}  // namespace

int compare_versions(std::string_view a, std::string_view b) {
  while (true) {
    auto skip = [](std::string_view& text) {
      while (!text.empty() && !is_digit(text[0]) && !is_letter(text[0]) && text[0] != '~') text.remove_prefix(1);
    };
    skip(a), skip(b);
    if (a.starts_with('~') || b.starts_with('~')) {
      if (a.starts_with('~') != b.starts_with('~')) return a.starts_with('~') ? -1 : 1;
      a.remove_prefix(1), b.remove_prefix(1);
      continue;
    }
    if (a.empty() || b.empty()) return sign(a.size() < b.size(), a.size() > b.size());
    if (is_digit(a[0]) != is_digit(b[0])) return is_digit(a[0]) ? 1 : -1;
    if (!is_digit(a[0])) {
      const std::string_view x = taken(a, is_letter), y = taken(b, is_letter);
      if (x != y) return sign(x < y, true);
      continue;
    }
    std::string_view x = taken(a, is_digit), y = taken(b, is_digit);
    while (x.size() > 1 && x[0] == '0') x.remove_prefix(1);
    while (y.size() > 1 && y[0] == '0') y.remove_prefix(1);
    if (x != y) return x.size() == y.size() ? sign(x < y, true) : sign(x.size() < y.size(), true);
  }
}

std::string BlsEntry::at(const std::string& key) const {
  auto found = lines.find(key);
  return file + (found == lines.end() ? "" : ":" + std::to_string(found->second));
}

BlsEntry parse_bls(std::string_view text, const std::string& folder, const std::string& name) {
  BlsEntry entry;
  entry.file = folder + "/" + name;
  entry.id = name.substr(0, name.size() - std::min<std::size_t>(name.size(), 5));
  std::size_t number = 0;
  for (std::string_view line : split(text, '\n')) {
    ++number;
    line = trim(line);
    if (line.empty() || line.starts_with('#')) continue;
    const std::size_t end = std::min(line.find_first_of(" \t"), line.size());
    const std::string key(line.substr(0, end)), value(trim(line.substr(end)));
    entry.lines.emplace(key, number);
    if (key == "title") entry.title = value;
    if (key == "version") entry.version = value;
    if (key == "machine-id") entry.machine = value;
    if (key == "sort-key") entry.sort_key = value;
    if (key == "architecture") entry.architecture = value;
    if (key == "linux") entry.linux_image = value;
    if (key == "efi") entry.efi = value;
    if (key == "options") entry.options.push_back(value);
    if (key == "initrd")  // GRUB takes several on a line
      for (std::string_view one : words(value)) entry.initrds.emplace_back(one);
  }
  return entry;
}

std::vector<BlsEntry> bls_entries(const Question& question, const std::string& folder, bool by_grub) {
  std::vector<BlsEntry> entries;
  for (const std::string& name : question.files.list(folder)) {
    if (!name.ends_with(".conf") || name.size() == 5) continue;
    if (auto text = question.files.read(folder + "/" + name)) entries.push_back(parse_bls(*text, folder, name));
  }
  std::stable_sort(entries.begin(), entries.end(), by_grub ? before_in_grub : before_in_systemd);
  return entries;
}

}  // namespace ka::boot
