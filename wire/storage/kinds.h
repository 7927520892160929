#pragma once
/// The entries of the table in rules.cpp, each in a file of its kind's name.

#include "wire/storage/rule.h"

namespace ka::storage {

extern const Rule disk_rule, table_rule, partition_rule, ext_rule, fat_rule, swap_rule, blocks_rule;

}  // namespace ka::storage
