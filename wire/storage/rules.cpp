#include <iterator>

#include "base/text.h"
#include "wire/storage/kinds.h"

namespace ka::storage {

namespace {

// In the order of What.
const Rule* const rules[] = {&disk_rule, &table_rule,    &partition_rule, &raid_rule,  &crypt_rule, &group_rule,
                             &pool_rule, &volume_rule,   &ext_rule,       &fat_rule,   &xfs_rule,   &btrfs_rule,
                             &jfs_rule,  &reiserfs_rule, &f2fs_rule,      &exfat_rule, &swap_rule,  &blocks_rule};
static_assert(std::size(rules) == std::variant_size_v<What>);

}  // namespace

const Rule& rule(const Node& node) { return *rules[node.what.index()]; }

std::string device_path(const Storage& storage, const Node& device) {
  const std::vector<std::string> paths = rule(device).names(storage, device).paths;
  return "/dev/" + (paths.empty() ? device.id : paths.front());
}

std::vector<Identity> identities_of(const Storage& storage, const Node& node) {
  const Rule& kind = rule(node);
  std::vector<Identity> found;
  if (kind.identities) {
    found = kind.identities(storage, node);
  } else {
    const Names names = kind.names(storage, node);
    found = {{"UUID", "UUID", names.uuid}, {"PART_ENTRY_UUID", "partition UUID", names.part_uuid}};
  }
  std::erase_if(found, [](const Identity& identity) { return identity.value.empty(); });
  for (Identity& identity : found) identity.value = lowered(identity.value);
  return found;
}

}  // namespace ka::storage
