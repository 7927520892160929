#include "wire/storage/lvm.h"
#include "agent/storage/kinds.h"

namespace ka::agent {

namespace {

std::string device(const storage::Node& node, const std::string&) {
  return "/dev/mapper/" + storage::mapped_name(node);
}

}  // namespace

const Maker group_maker = {.programs = {"lvm"}, .longest_label = 0};
const Maker pool_maker = {.longest_label = 0};
const Maker volume_maker = {.longest_label = 0, .device = device};

}  // namespace ka::agent
