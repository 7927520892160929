#include "server/golden/layers.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"

namespace ka::server {

namespace {

const LayerReader* const readers[] = {&raid_reader, &crypt_reader, &lvm_reader};

// What a device that no reader knows is, by what made it.
std::string strange_kind(const BlockDevice& device) {
  if (device.name.starts_with("bcache")) return "is a bcache device, which cannot be cloned so far";
  if (device.name.starts_with("dm-")) {
    const std::string uuid(trim(read_file_if_any("/sys/class/block/" + device.name + "/dm/uuid").value_or("")));
    if (uuid.starts_with("mpath-"))
      return "is the multipath device " + device.mapped + ", which cannot be cloned so far";
    return "is " + device.mapped + " of the device mapper (" + uuid.substr(0, uuid.find('-')) +
           "), which cannot be cloned so far";
  }
  return made_strangely;
}

// Kernel's names become ids; and each comes after those that it stands on.
void put_in_order(Layers& layers) {
  auto rename = [&layers](std::vector<storage::Id>& names) {
    for (storage::Id& name : names)
      if (auto known = layers.ids.find(name); known != layers.ids.end()) name = known->second;
  };
  for (storage::Node& node : layers.nodes) {
    rename(node.on);
    if (auto* volume = std::get_if<storage::Volume>(&node.what)) rename(volume->only_on);
  }
  std::set<storage::Id> open;
  for (const storage::Node& node : layers.nodes) open.insert(node.id);
  std::vector<storage::Node> sorted;
  while (!layers.nodes.empty()) {
    auto ready = [&open](const storage::Node& node) {
      return std::none_of(node.on.begin(), node.on.end(),
                          [&open](const storage::Id& id) { return open.count(id) > 0; });
    };
    auto next = std::find_if(layers.nodes.begin(), layers.nodes.end(), ready);
    if (next == layers.nodes.end())
      throw Error("read what this machine's disks are made into", layers.nodes.front().id + " stands on itself");
    open.erase(next->id);
    sorted.push_back(std::move(*next));
    layers.nodes.erase(next);
  }
  layers.nodes = std::move(sorted);
}

}  // namespace

const storage::Node* Layers::find(const storage::Id& id) const {
  auto found = std::find_if(nodes.begin(), nodes.end(), [&id](const storage::Node& node) { return node.id == id; });
  return found == nodes.end() ? nullptr : &*found;
}

bool Layers::has_member(const storage::Id& device) const {
  return std::any_of(nodes.begin(), nodes.end(), [&device](const storage::Node& node) {
    return std::find(node.on.begin(), node.on.end(), device) != node.on.end();
  });
}

Awaitable<Layers> read_layers(asio::io_context& io, const std::vector<BlockDevice>& devices) {
  Layers layers;
  for (const LayerReader* reader : readers) co_await reader->read(io, devices, layers);
  for (const BlockDevice& device : devices) {
    const bool made = !device.below.empty();
    if (made && !layers.ids.count(device.name) && !layers.strange.count(device.name))
      layers.strange[device.name] = strange_kind(device);
  }
  put_in_order(layers);
  co_return layers;
}

}  // namespace ka::server
