#include <iterator>

#include "wire/storage/kinds.h"

namespace ka::storage {

namespace {

// In the order of What.
const Rule* const rules[] = {&disk_rule,  &table_rule, &partition_rule, &ext_rule,      &fat_rule,
                             &xfs_rule,   &btrfs_rule, &jfs_rule,       &reiserfs_rule, &f2fs_rule,
                             &exfat_rule, &swap_rule,  &blocks_rule};
static_assert(std::size(rules) == std::variant_size_v<What>);

}  // namespace

const Rule& rule(const Node& node) { return *rules[node.what.index()]; }

}  // namespace ka::storage
