#pragma once
/// The files of a system as text in a map.

#include <map>
#include <set>
#include <string>

#include "wire/boot/trace.h"

namespace ka {

/// `map` must live as long as what is made of it.
inline boot::Files files_of_map(const std::map<std::string, std::string>& map) {
  boot::Files files;
  files.read = [&map](const std::string& path) -> std::optional<std::string> {
    auto found = map.find(path);
    return found == map.end() ? std::nullopt : std::optional(found->second);
  };
  files.size = [&map](const std::string& path) -> std::optional<std::uint64_t> {
    auto found = map.find(path);
    return found == map.end() ? std::nullopt : std::optional<std::uint64_t>(found->second.size());
  };
  files.list = [&map](const std::string& path) {
    std::set<std::string> names;
    const std::string folder = path == "/" ? "/" : path + "/";
    for (const auto& [file, content] : map)
      if (file.starts_with(folder))
        names.insert(file.substr(folder.size(), file.find('/', folder.size()) - folder.size()));
    return std::vector<std::string>(names.begin(), names.end());
  };
  return files;
}

}  // namespace ka
