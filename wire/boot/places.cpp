#include "wire/boot/places.h"

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "wire/storage/rule.h"

namespace ka::boot {

namespace {

bool lies_in(std::string_view path, std::string_view folder) {
  if (folder == "/") return true;
  return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

std::string_view rest_of(std::string_view path, std::string_view folder) {
  return folder == "/" ? path : path.substr(folder.size());
}

bool is_there(const Question& question, const std::string& path) {
  return question.files.size(path) || !question.files.list(path).empty();
}

}  // namespace

std::string normal(std::string_view path) {
  std::vector<std::string_view> parts;
  for (std::string_view part : split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part != "..")
      parts.push_back(part);
    else if (!parts.empty())
      parts.pop_back();
  }
  std::string result;
  for (std::string_view part : parts) result += "/" + std::string(part);
  return result.empty() ? "/" : result;
}

std::optional<Place> place_of(const Question& question, const std::string& path) {
  const Mounted* nearest = nullptr;
  for (const Mounted& mount : question.mounts)
    if (lies_in(path, mount.point) && (!nearest || mount.point.size() >= nearest->point.size())) nearest = &mount;
  if (!nearest) return std::nullopt;
  return Place{nearest->fs, normal(nearest->subvolume + "/" + std::string(rest_of(path, nearest->point)))};
}

std::optional<std::string> in_tree(const Question& question, const Place& place) {
  std::vector<std::string> possible;
  for (const Mounted& mount : question.mounts) {
    if (mount.fs != place.fs) continue;
    const std::string top = normal(mount.subvolume);
    if (lies_in(place.path, top)) possible.push_back(normal(mount.point + "/" + std::string(rest_of(place.path, top))));
  }
  // Paths may also be meant from the default subvolume, which is what "/" shows.
  for (const Mounted& mount : question.mounts)
    if (mount.fs == place.fs && !mount.subvolume.empty()) possible.push_back(normal(mount.point + "/" + place.path));
  if (possible.empty()) return std::nullopt;
  auto there = [&question](const std::string& path) { return is_there(question, path); };
  auto found = std::find_if(possible.begin(), possible.end(), there);
  return found == possible.end() ? possible.front() : *found;
}

std::optional<storage::Id> grub_device(const Question& question, std::string_view name, const storage::Id& near) {
  if (name.starts_with('(') && name.ends_with(')')) name = name.substr(1, name.size() - 2);
  if (question.storage.find(name)) return storage::Id(name);
  for (const storage::Node& node : question.storage.nodes) {
    const std::vector<std::string> names = storage::rule(node).names(question.storage, node).grub;
    if (std::find(names.begin(), names.end(), name) == names.end()) continue;
    const storage::Node* content = storage::content_of(question.storage, node);
    return content ? std::optional(content->id) : std::nullopt;
  }
  const std::size_t comma = name.find(',');
  const storage::Node* here = question.storage.find(near);
  if (!here || !name.starts_with("hd") || comma == std::string_view::npos) return std::nullopt;
  std::string_view partition = name.substr(name.rfind(',') + 1);  // of "hd0,msdos2,bsd1" the last: not found then
  while (!partition.empty() && (partition[0] < '0' || partition[0] > '9')) partition.remove_prefix(1);
  const auto number = parse_unsigned(partition);
  if (!number) return std::nullopt;
  try {
    const storage::Node* table = storage::table_on(question.storage, storage::disk_below(question.storage, *here));
    if (!table) return std::nullopt;
    for (const storage::Node* node : question.storage.on(table->id)) {
      if (static_cast<std::uint64_t>(storage::as<storage::Partition>(*node).number) != *number) continue;
      const storage::Node* content = storage::content_of(question.storage, *node);
      return content ? std::optional(content->id) : std::nullopt;
    }
  } catch (const Error&) {  // it lies on no disk
  }
  return std::nullopt;
}

}  // namespace ka::boot
