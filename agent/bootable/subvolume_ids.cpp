#include "agent/bootable/subvolume_ids.h"

#include <algorithm>

#include "base/text.h"
#include "wire/device_name.h"

namespace ka::agent {

namespace {

constexpr std::string_view key = "subvolid=";
constexpr std::uint64_t top = 5;

const storage::Btrfs* meant_by(std::string_view line, const wire::Manifest& manifest) {
  if (auto fields = words(line); !fields.empty())
    if (auto cloned = wire::find_cloned(manifest, wire::parse_device_name(unescape_octal(fields[0]))))
      if (auto* fs = storage::get<storage::Btrfs>(cloned->content)) return fs;
  if (manifest.mounts.empty()) return nullptr;
  return storage::get<storage::Btrfs>(manifest.storage.find(manifest.mounts.front().fs));
}

// "subvol=/@home"; empty: the number is nobody's.
std::string named(const storage::Btrfs& fs, std::uint64_t id) {
  if (id == 0 || id == top) return "subvol=/";
  for (const storage::Subvolume& s : fs.subvolumes)
    if (s.id == id) return "subvol=/" + s.path;
  return {};
}

bool ends_a_list(char c) { return c == ' ' || c == '\t' || c == '"' || c == '\'' || c == '\\'; }

// The options that stand around `at`, with commas between them.
std::string_view list_around(std::string_view line, std::size_t at) {
  std::size_t begin = at, end = at;
  while (begin > 0 && !ends_a_list(line[begin - 1])) --begin;
  while (end < line.size() && !ends_a_list(line[end])) ++end;
  return line.substr(begin, end - begin);
}

std::string rewrite_line(std::string line, const storage::Btrfs& fs, const std::string& where, Rewritten& result) {
  for (std::size_t at = 0; (at = line.find(key, at)) != std::string::npos;) {
    std::size_t end = at + key.size();
    while (end < line.size() && line[end] >= '0' && line[end] <= '9') ++end;
    const std::string word = line.substr(at, end - at);
    const auto id = parse_unsigned(std::string_view(word).substr(key.size()));
    const bool begins = at == 0 || ends_a_list(line[at - 1]) || line[at - 1] == ',' || line[at - 1] == '=';
    const std::string name = id ? named(fs, *id) : "";
    if (!begins || name.empty()) {
      if (begins) result.warnings.push_back(where + word + " is no subvolume that is cloned; it will not be mounted");
      at = end;
      continue;
    }
    const std::string_view list = list_around(line, at);
    const bool named_already = list.find(",subvol=") != std::string_view::npos ||
                               list.find("=subvol=") != std::string_view::npos || list.starts_with("subvol=");
    if (!named_already) {
      line.replace(at, end - at, name);
      result.changes.push_back(where + word + " is now " + name);
      at += name.size();
      continue;
    }
    // With the comma before it, or else the one behind.
    const bool comma_before = at > 0 && line[at - 1] == ',';
    if (comma_before)
      line.erase(at - 1, end - at + 1);
    else
      line.erase(at, end - at + (end < line.size() && line[end] == ',' ? 1 : 0));
    result.changes.push_back(where + word + " is left out: subvol= says it");
    at -= comma_before ? 1 : 0;
  }
  return line;
}

}  // namespace

Rewritten without_subvolume_ids(std::string_view text, const wire::Manifest& manifest) {
  Rewritten result;
  std::size_t number = 0;
  for (std::string_view line : split(text, '\n')) {
    if (number++ > 0) result.text += '\n';
    const storage::Btrfs* fs = nullptr;
    if (line.find(key) != std::string_view::npos && !trim(line).starts_with('#')) fs = meant_by(line, manifest);
    const std::string where = "line " + std::to_string(number) + ": ";
    result.text += fs ? rewrite_line(std::string(line), *fs, where, result) : std::string(line);
  }
  return result;
}

}  // namespace ka::agent
