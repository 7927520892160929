#include "agent/storage/partition_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "base/error.h"
#include "server/golden/partition_table.h"
#include "wire/desc.h"
#include "wire/partition_places.h"

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

// "1:1+3500 5:3502+500": number, start and size of each; "63s": in sectors of 512 bytes where it is no whole MiB.
std::string measure(std::uint64_t bytes) {
  return bytes % mib == 0 ? std::to_string(bytes / mib) : std::to_string(bytes / 512) + "s";
}
std::string placed(const wire::Disk& d, std::uint64_t disk_size, std::uint32_t sector_size = 512) {
  std::string text;
  try {
    for (const PlacedPartition& p : place_partitions(d, disk_size, sector_size))
      text += (text.empty() ? "" : " ") + std::to_string(p.partition.number) + ":" + measure(p.start) + "+" +
              measure(p.size);
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
  EXPECT_EQ(sfdisk_script(golden, place_partitions(golden, 8 * gib, 512), 512),
            "label: dos\nlabel-id: 0x59be1427\nunit: sectors\n\n"
            "partition2 : start=7170048, size=9607168, type=5\n"
            "partition3 : start=2048, size=7168000, type=83, bootable\n"
            "partition5 : start=7172096, size=1024000, type=82\n"
            "partition6 : start=8198144, size=8579072, type=8e\n");
}

// A golden table as sfdisk shows it, in sectors; then what the server makes of it.
struct Row {
  int number;
  std::uint64_t start, size;
  const char* type;
};

wire::Disk golden_disk(const std::vector<Row>& rows, std::uint64_t disk_size) {
  std::string json = R"({"partitiontable": {"label":"dos", "id":"0x59be1427", "unit":"sectors", "partitions": [)";
  for (const Row& row : rows)
    json += (json.back() == '[' ? "" : ",") + std::string(R"({"node":"/dev/sda)") + std::to_string(row.number) +
            R"(", "start":)" + std::to_string(row.start) + R"(, "size":)" + std::to_string(row.size) + R"(, "type":")" +
            row.type + R"("})";
  wire::Disk d;
  d.name = "sda";
  d.golden_size = disk_size;
  d.partitions = server::partitions_of("sda", server::parse_sfdisk(json + "]}}"), disk_size);
  return d;
}

constexpr std::uint64_t old_disk = 234441648ull * 512;
const std::vector<Row> old_table = {{1, 63, 113434902, "83"},
                                    {2, 113434965, 121001580, "5"},
                                    {5, 229135158, 5301387, "82"},
                                    {6, 113435091, 110880504, "83"},
                                    {7, 224315658, 4819437, "82"}};

TEST(PartitionTableTest, TheGoldenTableFitsADiskOfTheGoldenSizeAsItIs) {
  wire::Disk golden = golden_disk(old_table, old_disk);
  EXPECT_EQ(
      placed(golden, old_disk),
      "1:63s+113434902s 2:113434965s+121001580s 6:113435091s+110880504s 7:224315658s+4819437s 5:229135158s+5301387s");
  EXPECT_EQ(placed(golden, old_disk + gib), placed(golden, old_disk)) << "swap at the end does not grow";
  EXPECT_EQ(placed(golden, 234436545ull * 512), placed(golden, old_disk)) << "a disk that ends where the table ends";
}

TEST(PartitionTableTest, TheLastOnTheDiskFillsALargerOne) {
  const std::vector<Row> table = {{1, 63, 100000, "83"}, {2, 100100, 99900, "5"}, {5, 100163, 99837, "83"}};
  wire::Disk golden = golden_disk(table, 200000 * 512);
  EXPECT_EQ(placed(golden, 200000 * 512), "1:63s+100000s 2:100100s+99900s 5:100163s+99837s");
  EXPECT_EQ(placed(golden, gib), "1:63s+100000s 2:100100s+1997052s 5:100163s+1996989s");
  // The first on the disk is 2, the last is 1.
  const std::vector<Row> swapped = {{1, 411648, 409600, "83"}, {2, 2048, 409600, "83"}};
  EXPECT_EQ(placed(golden_disk(swapped, 402 * mib), 500 * mib), "2:1+200 1:201+299");
}

TEST(PartitionTableTest, ASmallerDiskIsLaidOutAnewInTheOrderOfTheDisk) {
  wire::Disk golden = golden_disk(old_table, old_disk);
  golden.partitions[1].size_mib = 6000;
  golden.partitions[2].size_mib = 1000;  // as if 6, and the extended one around it, could be smaller
  EXPECT_EQ(placed(golden, 100 * gib), "1:1+55389 2:55390+6000 6:55391+1000 7:56392+2354 5:58747+2589");
}

TEST(PartitionTableTest, OtherSectorsAreLaidOutAnew) {
  const std::vector<Row> table = {{1, 63, 100000, "83"}, {2, 100063, 99900, "83"}};
  wire::Disk golden = golden_disk(table, 200000 * 512);
  EXPECT_EQ(placed(golden, gib, 4096), "1:1+49 2:50+974");
}

// Any table that does not contradict itself, on a disk of its own size: nothing is lost and nothing overlaps.
class RandomTable {
 public:
  explicit RandomTable(std::uint64_t seed) : random_(seed) {}

  std::uint64_t disk_sectors = 0;
  std::vector<Row> rows;

  void make() {
    const std::uint64_t units[] = {1, 63, 2048};
    unit_ = units[below(3)];
    disk_sectors = 200000 + below(below(2) ? 40'000'000 : 3'900'000'000);
    std::uint64_t at = 1 + below(2 * unit_);
    const int primaries = 1 + static_cast<int>(below(4));
    const int extended = below(3) ? static_cast<int>(below(4)) : -1;
    std::vector<int> numbers = {1, 2, 3, 4};
    std::shuffle(numbers.begin(), numbers.end(), random_);
    for (int i = 0; i < primaries; ++i) {
      const std::uint64_t room = disk_sectors - at, parts = static_cast<std::uint64_t>(primaries - i);
      std::uint64_t size = parts == 1 && below(2) ? room : 1000 + below(room / parts - 1000);
      if (i == extended) logicals(at, size);
      rows.push_back({numbers[static_cast<std::size_t>(i)], at, size, i == extended ? "5" : below(4) ? "83" : "82"});
      at += size + (below(2) ? 0 : below(unit_));
      if (at + 2000 * parts > disk_sectors) break;
    }
  }

 private:
  std::uint64_t below(std::uint64_t n) { return random_() % n; }

  void logicals(std::uint64_t start, std::uint64_t size) {
    const std::uint64_t count = below(7);
    std::vector<int> numbers;
    for (std::uint64_t i = 0; i < count; ++i) numbers.push_back(5 + static_cast<int>(i));
    if (below(2)) std::shuffle(numbers.begin(), numbers.end(), random_);
    std::uint64_t at = start;
    const std::uint64_t each = size / (count + 1);
    for (int number : numbers) {
      const std::uint64_t gap = 2 + below(unit_);
      if (each < gap + 10) return;
      const bool last = number == numbers.back() && below(2);
      const std::uint64_t space = last ? start + size - at - gap : 1 + below(each - gap);
      rows.push_back({number, at + gap, space, below(4) ? "83" : "82"});
      at += gap + space;
    }
  }

  std::mt19937_64 random_;
  std::uint64_t unit_ = 1;
};

TEST(PartitionTableTest, AnyGoldenTableFitsADiskOfItsSize) {
  const std::uint64_t first_seed = std::random_device()();
  for (std::uint64_t seed = first_seed; seed < first_seed + 2000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomTable random(seed);
    random.make();
    // A return in the middle of the logical ones leaves a gap in their numbers, which no table has.
    int logicals = 0, last = 4;
    for (const Row& row : random.rows)
      if (row.number > 4) ++logicals, last = std::max(last, row.number);
    if (last != 4 + logicals) continue;
    const std::uint64_t size = random.disk_sectors * 512;
    wire::Disk golden = golden_disk(random.rows, size);
    std::vector<PlacedPartition> result;
    try {
      result = place_partitions(golden, size, 512);
    } catch (const Error& error) {
      FAIL() << error.what();
    }
    ASSERT_EQ(result.size(), random.rows.size());
    for (PlacedPartition& p : result) {
      ASSERT_GE(p.size, p.partition.golden_size) << p.partition.number;
      p.partition.golden_start = p.start;
      p.partition.golden_size = p.size;
    }
    std::vector<wire::Partition> places;
    for (const PlacedPartition& p : result) places.push_back(p.partition);
    ASSERT_NO_THROW(wire::check_places("sda", places, size));
  }
}

TEST(PartitionTableTest, TheUnfinishedBootCodeLeavesTheDiskIdentifierAlone) {
  EXPECT_EQ(unfinished_boot_code().size(), 440u);
  EXPECT_NE(unfinished_boot_code().find("not finished"), std::string::npos);
}

}  // namespace
}  // namespace ka::agent
