#include "agent/partition_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "wire/desc.h"

namespace ka::agent {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t mib = 1 << 20, gib = 1 << 30;

wire::Disk disk(const char* desc) {
  wire::Disk d;
  d.name = "sda";
  d.identifier = 0x59be1427;
  d.partitions = wire::parse_desc(desc, "desc");
  return d;
}

// "1:1+3500 5:3502+500": number, start and size of each.
std::string placed(const wire::Disk& d, std::uint64_t disk_size, std::uint32_t sector_size = 512) {
  std::string text;
  try {
    for (const PlacedPartition& p : place_partitions(d, disk_size, sector_size))
      text += (text.empty() ? "" : " ") + std::to_string(p.partition.number) + ":" + std::to_string(p.start_mib) + "+" +
              std::to_string(p.size_mib);
  } catch (const Error& error) {
    return error.what();
  }
  return text;
}

TEST(PartitionTableTest, TheSampleOfTheMethodFillsTheDisk) {
  auto sample = disk("linux 3500\nextended fill\nlogical swap 500\nlogical linux fill\n");
  EXPECT_EQ(placed(sample, 8 * gib), "1:1+3500 2:3501+4691 5:3502+500 6:4003+4189");
}

TEST(PartitionTableTest, ADiskThatIsNotWholeMebibytesLosesItsRest) {
  EXPECT_EQ(placed(disk("linux fill\n"), 10 * mib + 512), "1:1+9");
  EXPECT_EQ(placed(disk("linux fill\n"), 10 * mib - 512), "1:1+8");
}

TEST(PartitionTableTest, AnExactFitIsAFit) {
  EXPECT_EQ(placed(disk("linux 99\n"), 100 * mib), "1:1+99");
  EXPECT_THAT(placed(disk("linux 99\n"), 100 * mib - 1), HasSubstr("they need 99 MiB, there are 98"));
  EXPECT_THAT(placed(disk("linux 99\nswap fill\n"), 100 * mib), HasSubstr("they need 100 MiB"));
}

TEST(PartitionTableTest, LogicalOnesMustFitTheExtendedOne) {
  auto tight = disk("extended fill\nlogical linux 500\nlogical swap 100\n");
  EXPECT_EQ(placed(tight, 603 * mib), "1:1+602 5:2+500 6:503+100");
  EXPECT_THAT(placed(tight, 602 * mib), HasSubstr("place the logical partitions of the golden sda: they need 602 MiB"));
}

TEST(PartitionTableTest, AnExtendedOneGrowsToWhatIsInIt) {
  // A table read from a disk that aligns its logical partitions in another way has less room between them.
  auto golden = disk("extended 602\nlogical linux 500\nlogical swap 100\n");
  golden.partitions[0].size_mib = 600;
  EXPECT_EQ(placed(golden, gib), "1:1+602 5:2+500 6:503+100");
}

TEST(PartitionTableTest, BeyondTwoTebibytesOnlyWhatAnMbrCanName) {
  EXPECT_EQ(placed(disk("linux fill\n"), 3072 * gib), "1:1+2097150");
  EXPECT_EQ(placed(disk("linux fill\n"), 3072 * gib, 4096), "1:1+3145727");
}

TEST(PartitionTableTest, AnEmptyDiskIsRefused) {
  EXPECT_THAT(placed(disk("linux fill\n"), 0), HasSubstr("smaller than 2 MiB"));
}

TEST(PartitionTableTest, TheScriptNamesEveryPartitionByItsNumber) {
  auto golden = disk("linux 3500\nextended fill\nlogical swap 500\nlogical type8e fill\n");
  golden.partitions[0].bootable = true;
  golden.partitions[0].number = 3;  // a golden table may have gaps
  EXPECT_EQ(sfdisk_script(golden, place_partitions(golden, 8 * gib, 512)),
            "label: dos\nlabel-id: 0x59be1427\n\n"
            "partition3 : start=1MiB, size=3500MiB, type=83, bootable\n"
            "partition2 : start=3501MiB, size=4691MiB, type=5\n"
            "partition5 : start=3502MiB, size=500MiB, type=82\n"
            "partition6 : start=4003MiB, size=4189MiB, type=8e\n");
}

TEST(PartitionTableTest, TheUnfinishedBootCodeLeavesTheDiskIdentifierAlone) {
  EXPECT_EQ(unfinished_boot_code().size(), 440u);
  EXPECT_NE(unfinished_boot_code().find("not finished"), std::string::npos);
}

}  // namespace
}  // namespace ka::agent
