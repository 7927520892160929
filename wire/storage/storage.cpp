#include "wire/storage/storage.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace ka::storage {

const Node* Storage::find(std::string_view id) const {
  auto found = std::find_if(nodes.begin(), nodes.end(), [id](const Node& node) { return node.id == id; });
  return found == nodes.end() ? nullptr : &*found;
}

const Node& Storage::at(std::string_view id) const {
  if (const Node* node = find(id)) return *node;
  throw Error("look for " + escape_bytes(id), "it is not part of the golden machine's storage");
}

std::vector<const Node*> Storage::on(const Id& id) const {
  std::vector<const Node*> found;
  for (const Node& node : nodes)
    if (std::find(node.on.begin(), node.on.end(), id) != node.on.end()) found.push_back(&node);
  return found;
}

const Node* content_of(const Storage& storage, const Node& device) {
  const auto above = storage.on(device.id);
  return above.empty() ? nullptr : above.front();
}

const Node& disk_below(const Storage& storage, const Node& node) {
  const Node* below = &node;
  while (!below->on.empty()) below = &storage.at(below->on.front());
  return *below;
}

const Node* table_on(const Storage& storage, const Node& disk) {
  const Node* above = content_of(storage, disk);
  return get<Table>(above) ? above : nullptr;
}

}  // namespace ka::storage
