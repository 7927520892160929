// Where the partitions of DOS tables lie on any disk.
#include "agent/storage/unfinished.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "server/golden/partition_table.h"
#include "wire/desc.h"
#include "wire/storage/place.h"

namespace ka::agent {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t mib = 1 << 20, gib = 1 << 30;

storage::Storage disk(const char* desc) {
  storage::Storage s;
  storage::add_disk(s, "sda", {80 * gib, 512, ""}, {{}, "0x59be1427", 0},
                    wire::partitions_of(wire::parse_desc(desc, "desc"), storage::Label::dos));
  return s;
}

storage::Partition& partition(storage::Storage& s, std::size_t index) {
  return std::get<storage::Partition>(s.nodes[2 + index].what);
}

// "1:1+3500 5:3502+500": number, start and size of each; "63s": in sectors of 512 bytes where it is no whole MiB.
std::string measure(std::uint64_t bytes) {
  return bytes % mib == 0 ? std::to_string(bytes / mib) : std::to_string(bytes / 512) + "s";
}
std::string placed(const storage::Storage& s, std::uint64_t disk_size, std::uint32_t sector_size = 512) {
  std::string text;
  try {
    const storage::Places places = storage::place(s, {{"sda", {disk_size, sector_size}}});
    for (const storage::Node* node : storage::all<storage::Partition>(s)) {
      const storage::Place& p = places.at(node->id);
      text += (text.empty() ? "" : " ") + node->id.substr(3) + ":" + measure(p.start) + "+" + measure(p.ground.bytes);
    }
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
  partition(golden, 0).size.bytes = 600 * mib;
  EXPECT_EQ(placed(golden, gib), "1:1+602 5:2+500 6:503+100");
}

TEST(PartitionTableTest, BeyondTwoTebibytesOnlyWhatAnMbrCanName) {
  EXPECT_EQ(placed(disk("linux fill\n"), 3072 * gib), "1:1+2097150");
  EXPECT_EQ(placed(disk("linux fill\n"), 3072 * gib, 4096), "1:1+3145727");
}

TEST(PartitionTableTest, AnEmptyDiskIsRefused) {
  EXPECT_THAT(placed(disk("linux fill\n"), 0), HasSubstr("smaller than 2 MiB"));
}

// A golden table as sfdisk shows it, in sectors; then what the server makes of it.
struct Row {
  int number;
  std::uint64_t start, size;
  const char* type;
};

storage::Storage golden_disk(const std::vector<Row>& rows, std::uint64_t disk_size) {
  std::string json = R"({"partitiontable": {"label":"dos", "id":"0x59be1427", "unit":"sectors", "partitions": [)";
  for (const Row& row : rows)
    json += (json.back() == '[' ? "" : ",") + std::string(R"({"node":"/dev/sda)") + std::to_string(row.number) +
            R"(", "start":)" + std::to_string(row.start) + R"(, "size":)" + std::to_string(row.size) + R"(, "type":")" +
            row.type + R"("})";
  const storage::ReadTable table = storage::read_sfdisk(json + "]}}");
  const storage::Disk disk{disk_size, 512, ""};
  storage::Storage s;
  storage::add_disk(s, "sda", disk, table.table, server::partitions_of("sda", table, disk));
  return s;
}

constexpr std::uint64_t old_disk = 234441648ull * 512;
const std::vector<Row> old_table = {{1, 63, 113434902, "83"},
                                    {2, 113434965, 121001580, "5"},
                                    {5, 229135158, 5301387, "82"},
                                    {6, 113435091, 110880504, "83"},
                                    {7, 224315658, 4819437, "82"}};

TEST(PartitionTableTest, TheGoldenTableFitsADiskOfTheGoldenSizeAsItIs) {
  storage::Storage golden = golden_disk(old_table, old_disk);
  EXPECT_EQ(
      placed(golden, old_disk),
      "1:63s+113434902s 2:113434965s+121001580s 6:113435091s+110880504s 7:224315658s+4819437s 5:229135158s+5301387s");
  EXPECT_EQ(placed(golden, old_disk + gib), placed(golden, old_disk)) << "swap at the end does not grow";
  EXPECT_EQ(placed(golden, 234436545ull * 512), placed(golden, old_disk)) << "a disk that ends where the table ends";
}

TEST(PartitionTableTest, TheLastOnTheDiskFillsALargerOne) {
  const std::vector<Row> table = {{1, 63, 100000, "83"}, {2, 100100, 99900, "5"}, {5, 100163, 99837, "83"}};
  storage::Storage golden = golden_disk(table, 200000 * 512);
  EXPECT_EQ(placed(golden, 200000 * 512), "1:63s+100000s 2:100100s+99900s 5:100163s+99837s");
  EXPECT_EQ(placed(golden, gib), "1:63s+100000s 2:100100s+1997052s 5:100163s+1996989s");
  // The first on the disk is 2, the last is 1.
  const std::vector<Row> swapped = {{1, 411648, 409600, "83"}, {2, 2048, 409600, "83"}};
  EXPECT_EQ(placed(golden_disk(swapped, 402 * mib), 500 * mib), "2:1+200 1:201+299");
}

TEST(PartitionTableTest, ASmallerDiskIsLaidOutAnewInTheOrderOfTheDisk) {
  storage::Storage golden = golden_disk(old_table, old_disk);
  partition(golden, 1).size.bytes = 6000 * mib;
  partition(golden, 2).size.bytes = 1000 * mib;  // as if 6, and the extended one around it, could be smaller
  EXPECT_EQ(placed(golden, 100 * gib), "1:1+55389 2:55390+6000 6:55391+1000 7:56392+2354 5:58747+2589");
}

TEST(PartitionTableTest, OtherSectorsAreLaidOutAnew) {
  const std::vector<Row> table = {{1, 63, 100000, "83"}, {2, 100063, 99900, "83"}};
  storage::Storage golden = golden_disk(table, 200000 * 512);
  EXPECT_EQ(placed(golden, gib, 4096), "1:1+49 2:50+974");
}

TEST(PartitionTableTest, TheUnfinishedBootCodeLeavesTheDiskIdentifierAlone) {
  EXPECT_EQ(unfinished_boot_code().size(), 440u);
  EXPECT_NE(unfinished_boot_code().find("not finished"), std::string::npos);
}

}  // namespace
}  // namespace ka::agent
