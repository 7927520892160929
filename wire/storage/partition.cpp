#include "base/text.h"
#include "wire/storage/kinds.h"
#include "wire/storage/labels.h"

namespace ka::storage {

namespace {

void check(const Where& where) {
  const Partition& partition = as<Partition>(where.node);
  const Node& below = where.below();
  const Table* table = get<Table>(&below);
  if (!table) where.fail("on", "a partition stands on a table, and " + below.id + " is none");
  if (partition.size.bytes == 0 && !partition.size.fill) where.fail("size.bytes", "is out of range");
  where.size("size.bytes", partition.size.bytes);
  where.size("start", partition.start);
  rule(table->label).check_partition(*table, partition, where);
}

std::string text(const Node& node) {
  const Partition& partition = as<Partition>(node);
  std::string text = "partition " + std::to_string(partition.number) + ", type " + partition.type;
  if (!partition.name.empty()) text += " \"" + escape_bytes(partition.name) + "\"";
  if (partition.role != Role::plain) text += std::string(", ") + role_names[static_cast<int>(partition.role)];
  if (partition.active) text += ", bootable";
  return text;
}

Names names(const Storage& storage, const Node& node) {
  const Table& table = as<Table>(storage.at(node.on.front()));
  const Partition& partition = as<Partition>(node);
  return {.uuid = {},
          .label = {},
          .part_uuid = rule(table.label).part_uuid(table, partition),
          .part_label = partition.name};
}

// The kernel shows of an extended partition its first sectors only: nothing stands on it.
std::uint64_t room(const Node& node, const Ground& ground) {
  return as<Partition>(node).role == Role::extended ? 0 : ground.bytes;
}

}  // namespace

const Rule partition_rule = {"partition", Sort::device, text, check, names, room, nullptr, nullptr};

}  // namespace ka::storage
