#include "agent/storage/kinds.h"

namespace ka::agent {

namespace {

std::string device(const storage::Node& node, const std::string&) { return "/dev/mapper/" + node.id; }

}  // namespace

const Maker crypt_maker = {.programs = {"cryptsetup"}, .longest_label = 0, .device = device};

}  // namespace ka::agent
