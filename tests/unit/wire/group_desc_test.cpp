// The desc of a volume group, and what it does to the sizes of volumes.
#include "wire/group_desc.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "wire/storage/rule.h"

namespace ka::wire {
namespace {

using storage::mib;
using testing::HasSubstr;

storage::Volume volume(const std::string& segment, std::uint64_t mibs) {
  storage::Volume made;
  made.segment = segment;
  made.size.bytes = mibs * mib;
  return made;
}

storage::Storage group() {
  storage::Storage storage;
  storage::Pool pool;
  pool.size.bytes = 100 * mib;
  storage.nodes = {{"sda", {}, {}, storage::Disk{}},
                   {"vg0", {"sda"}, {}, storage::Group{}},
                   {"vg0/root", {"vg0"}, {}, volume("linear", 800)},
                   {"vg0/pool", {"vg0"}, {}, pool},
                   {"vg0/home", {"vg0/pool"}, {}, volume("thin", 200)},
                   {"vg0/var", {"vg0"}, {}, volume("linear", 300)}};
  return storage;
}

std::string error_of(const std::string& text) {
  try {
    storage::Storage storage = group();
    apply_group_desc(desc_of_group(text, "f"), "f", "vg0", storage);
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

TEST(GroupDesc, GivesVolumesTheirSizes) {
  storage::Storage storage = group();
  const auto desc = desc_of_group("# all\nroot 900 # larger\n\n  pool\tfill\nvar 100 shrink\nhome 50\n", "f");
  apply_group_desc(desc, "f", "vg0", storage);
  EXPECT_EQ(*storage::size_of(storage.at("vg0/root")), (storage::Size{900 * mib, false, false}));
  EXPECT_EQ(*storage::size_of(storage.at("vg0/pool")), (storage::Size{0, true, false}));
  EXPECT_EQ(*storage::size_of(storage.at("vg0/var")), (storage::Size{100 * mib, false, true}));
  EXPECT_EQ(*storage::size_of(storage.at("vg0/home")), (storage::Size{50 * mib, false, false}));
}

TEST(GroupDesc, WhatNoLineNamesKeepsItsSize) {
  storage::Storage storage = group();
  apply_group_desc(desc_of_group("var 100", "f"), "f", "vg0", storage);
  EXPECT_EQ(storage::size_of(storage.at("vg0/root"))->bytes, 800 * mib);
}

TEST(GroupDesc, IsWrittenAsItIsRead) {
  storage::Storage storage = group();
  storage::size_of(storage.at("vg0/var"))->shrinks = true;
  const std::string text = format_group_desc(storage, "vg0");
  EXPECT_EQ(text, "root 800\npool 100\nhome 200\nvar 300 shrink\n");
  storage::Storage again = group();
  apply_group_desc(desc_of_group(text, "f"), "f", "vg0", again);
  EXPECT_EQ(again, storage);
}

TEST(GroupDesc, ErrorsNameTheLineAndTheRemedy) {
  EXPECT_THAT(error_of("root 1\nroot"), HasSubstr("f:2: expected \"NAME SIZE [shrink]\", got root"));
  EXPECT_THAT(error_of("root 1 grow"), HasSubstr("f:1: expected \"NAME SIZE [shrink]\""));
  EXPECT_THAT(error_of("root 1G"), HasSubstr("f:1: \"1G\" is not a size: a number of MiB without a unit, or fill"));
  EXPECT_THAT(error_of("root 0"), HasSubstr("is not a size"));
  EXPECT_THAT(error_of("root 999999999999999"), HasSubstr("more than any group has"));
  EXPECT_THAT(error_of("\nroot 1\nroot 2"), HasSubstr("f:3: a second line for root"));
  EXPECT_THAT(error_of("swap 1"), HasSubstr("f:1: vg0 has no volume \"swap\"; it has root, pool, home, var"));
  EXPECT_THAT(error_of("root fill\nvar fill"), HasSubstr("f:2: a second fill; root has one"));
  EXPECT_THAT(error_of("home fill"),
              HasSubstr("f:1: home is a thin volume, whose size is no room; give its pool that"));
  EXPECT_THAT(error_of("# nothing\n"), HasSubstr("f: it has no line NAME SIZE"));
}

}  // namespace
}  // namespace ka::wire
