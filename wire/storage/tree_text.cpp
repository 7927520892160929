#include "wire/storage/tree_text.h"

#include "base/text.h"

namespace ka::storage {

namespace {

// Sizes that are whole MiB are said as that: people compare them with what they wrote.
std::string exact(std::uint64_t bytes) {
  return bytes % mib == 0 ? std::to_string(bytes / mib) + " MiB" : std::to_string(bytes) + " bytes";
}

void add(const Storage& storage, const Places& places, const Node& node, std::size_t depth,
         std::vector<std::string>& lines) {
  std::string line = std::string(2 * depth, ' ') + node.id + ": " + rule(node).text(node);
  auto place = places.find(node.id);
  if (place != places.end() && !node.on.empty() && rule(node).sort == Sort::device) {
    line += ", " + exact(place->second.ground.bytes);
    if (place->second.start != 0) line += " at " + exact(place->second.start);
  }
  lines.push_back(std::move(line));
  // What stands on several is shown whole on the first.
  for (const Node* above : storage.on(node.id))
    if (above->on.front() == node.id)
      add(storage, places, *above, depth + 1, lines);
    else
      lines.push_back(std::string(2 * depth + 2, ' ') + above->id + ": as on " + above->on.front());
}

}  // namespace

std::vector<std::string> tree_text(const Storage& storage, const Places& places) {
  std::vector<std::string> lines;
  for (const Node& node : storage.nodes)
    if (node.on.empty()) add(storage, places, node, 0, lines);
  return lines;
}

}  // namespace ka::storage
