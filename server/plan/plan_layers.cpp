// Arrays, volume groups and what is encrypted, on the drives that are cloned.
#include <algorithm>

#include "server/plan/plan_draft.h"
#include "wire/group_desc.h"
#include "wire/storage/rule.h"

namespace ka::server {

namespace {

using storage::Node;

class LayerAdder {
 public:
  explicit LayerAdder(PlanDraft& draft)
      : draft_(draft), layers_(draft.golden.layers), storage_(draft.plan.manifest.storage) {}

  std::vector<Node> add() {
    for (const Node& node : layers_.nodes)
      if (std::string why = why_not(node); why.empty())
        take(node);
      else
        leave(node, why);
    std::vector<Node> open;
    for (const Node& node : layers_.nodes)
      if (storage_.find(node.id) && storage::rule(node).sort == storage::Sort::device && !layers_.has_member(node.id))
        open.push_back(node);
    return open;
  }

 private:
  std::string why_not(const Node& node) const {
    if (auto why = layers_.strange.find(node.id); why != layers_.strange.end()) return node.id + " " + why->second;
    for (const storage::Id& id : node.on)
      if (!storage_.find(id)) return "it stands on " + id + ", which is not cloned";
    return "";
  }

  void take(const Node& node) {
    storage_.nodes.push_back(node);
    if (auto links = draft_.golden.links.find(node.id); links != draft_.golden.links.end())
      storage_.nodes.back().links = links->second;
    auto lost = layers_.not_kept.find(node.id);
    if (lost == layers_.not_kept.end()) return;
    for (const std::string& what : lost->second) draft_.warn(node.id + ": " + what);
  }

  bool is_wanted(const storage::Id& id) const {
    return draft_.mounted.count(id) > 0 || draft_.swapping.count(id) > 0 || draft_.raw.count(id) > 0;
  }

  // What nobody here uses may stay behind; what is on the drives that are cloned is said.
  void leave(const Node& node, const std::string& why) {
    if (auto mount = draft_.mounted.find(node.id); mount != draft_.mounted.end())
      draft_.refuse(mount->second->point + " (" + node.id + "): " + why);
    else if (is_wanted(node.id))
      draft_.refuse(node.id + ": " + why);
    else if (std::any_of(node.on.begin(), node.on.end(), [this](const auto& id) { return storage_.find(id); }))
      draft_.leave_out(node.id + " (" + storage::rule(node).text(node) + ")", why);
  }

  PlanDraft& draft_;
  const Layers& layers_;
  storage::Storage& storage_;
};

}  // namespace

std::vector<storage::Node> add_layers(PlanDraft& draft) { return LayerAdder(draft).add(); }

void size_volumes(PlanDraft& draft) {
  storage::Storage& storage = draft.plan.manifest.storage;
  for (const auto& [name, desc] : draft.input.group_descs) {
    if (!storage::get<storage::Group>(storage.find(name))) continue;  // read_names has spoken of it
    try {
      wire::apply_group_desc(wire::desc_of_group(desc.text, desc.file), desc.file, name, storage);
    } catch (const Error& error) {
      draft.refuse(error.what());
    }
  }
}

// What is copied as files fits where they do, and so does what is made for them. Swap keeps its size, since a machine
// that hibernates needs it; so does what is copied byte for byte, and what nobody here knows.
void let_files_shrink(storage::Storage& storage) {
  for (Node& node : storage.nodes) {
    storage::Size* size = storage::size_of(node);
    const Node* above = storage::content_of(storage, node);
    if (!size || !above) continue;
    const bool content = storage::rule(*above).sort == storage::Sort::content;
    size->shrinks = content ? storage::rule(*above).holds_files : true;
  }
}

}  // namespace ka::server
