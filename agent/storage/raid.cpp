#include "agent/storage/kinds.h"

namespace ka::agent {

namespace {

std::string device(const storage::Node& node, const std::string&) { return "/dev/" + node.id; }

}  // namespace

const Maker raid_maker = {.programs = {"mdadm"}, .longest_label = 0, .device = device};

}  // namespace ka::agent
