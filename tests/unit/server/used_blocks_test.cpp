#include "server/golden/used_blocks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace ka::server {
namespace {

using testing::ElementsAre;

constexpr std::uint64_t mib = 1 << 20;

// What partclone says of an NTFS of 100 MiB, but for one thing: its last sector is the copy of the boot sector.
const std::string log =
    "# Domain logfile created by unset_name v0.3.23\n# Source: /dev/sda2\n# Offset: 0x00000000\n"
    "# current_pos  current_status\n0x063FF000     ?\n#      pos        size  status\n"
    "0x00000000  0x00003000  +\n0x00003000  0x01FFD000  ?\n0x02000000  0x00300000  +\n0x02300000  0x040FF000  ?\n";

TEST(UsedBlocksTest, WhatBitmapsSayAndWhatTheyDoNotSpeakOf) {
  EXPECT_THAT(parse_domain_log(log, 100 * mib),
              ElementsAre(wire::Extent{0, mib}, wire::Extent{32 * mib, 3 * mib}, wire::Extent{99 * mib, mib}));
  // A partition that is larger than its file system.
  EXPECT_THAT(parse_domain_log(log, 500 * mib),
              ElementsAre(wire::Extent{0, mib}, wire::Extent{32 * mib, 3 * mib}, wire::Extent{0x63ff000, mib},
                          wire::Extent{499 * mib, mib}));
}

TEST(UsedBlocksTest, ALogWithAGapOrBeyondTheEndIsNone) {
  EXPECT_THROW(parse_domain_log(log, 99 * mib), Error);
  EXPECT_THROW(parse_domain_log("", mib), Error);
  EXPECT_THROW(parse_domain_log("0x0 0x1000 +\n0x2000 0x1000 +\n", mib), Error);
  EXPECT_THROW(parse_domain_log("0x0 0xFFFFFFFFFFFFFFFF +\n", mib), Error);
  EXPECT_THROW(parse_domain_log("0x0 ten +\n", mib), Error);
  EXPECT_THROW(parse_domain_log("0x0 0x1000 ?\n", mib), Error) << "nothing is used";
}

TEST(UsedBlocksTest, KindsWhoseBlocksCanBeTold) {
  for (const char* type : {"ntfs", "exfat", "vfat", "ext4", "xfs", "btrfs"}) EXPECT_TRUE(has_block_map(type)) << type;
  for (const char* type : {"", "BitLocker", "LVM2_member", "swap"}) EXPECT_FALSE(has_block_map(type)) << type;
}

}  // namespace
}  // namespace ka::server
