#include "wire/storage/storage.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "wire/storage/labels.h"

namespace ka::storage {

const Node* Storage::find(std::string_view id) const {
  auto found = std::find_if(nodes.begin(), nodes.end(), [id](const Node& node) { return node.id == id; });
  return found == nodes.end() ? nullptr : &*found;
}

const Node& Storage::at(std::string_view id) const {
  if (const Node* node = find(id)) return *node;
  throw Error("look for " + escape_bytes(id), "it is not part of the golden machine's storage");
}

Node& Storage::at(std::string_view id) { return const_cast<Node&>(std::as_const(*this).at(id)); }

std::vector<const Node*> Storage::on(const Id& id) const {
  std::vector<const Node*> found;
  for (const Node& node : nodes)
    if (std::find(node.on.begin(), node.on.end(), id) != node.on.end()) found.push_back(&node);
  return found;
}

Usage* usage_of(Node& node) {
  auto used = [](auto& kind) -> Usage* {
    if constexpr (requires { kind.used; }) return &kind.used;
    return nullptr;
  };
  return std::visit(used, node.what);
}

const Usage* usage_of(const Node& node) { return usage_of(const_cast<Node&>(node)); }

const Node* content_of(const Storage& storage, const Node& device) {
  const auto above = storage.on(device.id);
  return above.empty() ? nullptr : above.front();
}

const Node& disk_below(const Storage& storage, const Node& node) {
  const Node* below = &node;
  while (!below->on.empty()) below = &storage.at(below->on.front());
  return *below;
}

std::vector<const Node*> all_below(const Storage& storage, const Node& node) {
  std::set<std::string_view> below = {node.id};
  for (auto earlier = storage.nodes.rbegin(); earlier != storage.nodes.rend(); ++earlier)
    if (below.count(earlier->id)) below.insert(earlier->on.begin(), earlier->on.end());
  std::vector<const Node*> found;
  for (const Node& one : storage.nodes)
    if (below.count(one.id)) found.push_back(&one);
  return found;
}

std::vector<const Node*> disks_below(const Storage& storage, const Node& node) {
  std::vector<const Node*> found = all_below(storage, node);
  std::erase_if(found, [](const Node* one) { return !get<Disk>(one); });
  return found;
}

Size* size_of(Node& node) {
  auto size = [](auto& kind) -> Size* {
    if constexpr (requires { kind.size; }) return &kind.size;
    return nullptr;
  };
  return std::visit(size, node.what);
}

const Size* size_of(const Node& node) { return size_of(const_cast<Node&>(node)); }

const Node* table_on(const Storage& storage, const Node& disk) {
  const Node* above = content_of(storage, disk);
  return get<Table>(above) ? above : nullptr;
}

void add_disk(Storage& storage, const Id& name, Disk disk, Table table, std::vector<Partition> partitions) {
  const Id group = name + ":" + rule(table.label).name;
  storage.nodes.push_back({name, {}, {}, std::move(disk)});
  storage.nodes.push_back({group, {name}, {}, std::move(table)});
  for (Partition& p : partitions) {
    Id id = partition_name(name, p.number);
    storage.nodes.push_back({std::move(id), {group}, {}, std::move(p)});
  }
}

Node& add_content(Storage& storage, const Id& device, What content) {
  storage.nodes.push_back({device + ":fs", {device}, {}, std::move(content)});
  return storage.nodes.back();
}

}  // namespace ka::storage
