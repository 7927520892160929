#pragma once
/// What is in the clone's initrds: looked up where the server has told it, else looked into.

#include <set>
#include <string>
#include <vector>

#include "agent/machine/clone_tree.h"
#include "agent/machine/machine.h"
#include "wire/manifest.h"

namespace ka::agent {

class InitrdContents {
 public:
  /// `told`: of the golden machine's initrds. Both trees and `told` must outlive this.
  InitrdContents(Machine& machine, const CloneTree& clone, const CloneTree& stage2,
                 const std::vector<wire::InitrdContent>& told)
      : machine_(machine), clone_(clone), stage2_(stage2), told_(told) {}

  /// What an initrd holds (wire/boot/initrd_content.h), by its path in the clone. What still has the golden one's size
  /// and time is the golden one. All others are read whole; stage2's programs unpack them. Throws Error if it is cut
  /// off, or packed in a way that is not known.
  Awaitable<std::set<std::string>> of(std::string path) const;

 private:
  Awaitable<std::set<std::string>> look_into(std::string file) const;

  Machine& machine_;
  const CloneTree& clone_;
  const CloneTree& stage2_;
  const std::vector<wire::InitrdContent>& told_;
};

}  // namespace ka::agent
