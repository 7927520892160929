#pragma once
/// What many nodes said, once where they said the same.

#include <string>
#include <vector>

namespace ka::server {

struct NodeOutput {
  std::string node, output;
};

/// In the order of the first node of each: "NODE,NODE:" and what they said; nothing of those that said nothing.
std::string folded(const std::vector<NodeOutput>& all);

}  // namespace ka::server
