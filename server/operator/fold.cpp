#include "server/operator/fold.h"

#include <algorithm>

namespace ka::server {

std::string folded(const std::vector<NodeOutput>& all) {
  struct Group {
    std::string nodes;
    const std::string* output;
  };
  std::vector<Group> groups;
  for (const NodeOutput& said : all) {
    if (said.output.empty()) continue;
    const auto same = std::find_if(groups.begin(), groups.end(),
                                   [&said](const Group& group) { return *group.output == said.output; });
    if (same == groups.end())
      groups.push_back({said.node, &said.output});
    else
      same->nodes += "," + said.node;
  }
  std::string text;
  for (const Group& group : groups)
    text += group.nodes + ":\n" + *group.output + (group.output->ends_with('\n') ? "" : "\n");
  return text;
}

}  // namespace ka::server
