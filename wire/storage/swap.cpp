#include "wire/storage/content.h"
#include "wire/storage/kinds.h"

namespace ka::storage {

namespace {

void check(const Where& where) {
  const Swap& swap = as<Swap>(where.node);
  where.uuid("uuid", swap.uuid);
  where.label("label", swap.label);
}

std::string text(const Node&) { return "swap"; }

std::uint64_t room(const Node&, const Ground& ground) { return ground.bytes; }
std::uint64_t need(const Node&) { return mib; }

}  // namespace

const Rule swap_rule = {"swap", Sort::content, text, check, content_names<Swap>, room, need, nullptr};

}  // namespace ka::storage
