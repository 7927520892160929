// A machine's storage as one graph: JSON both ways, what contradicts itself, and where everything lies on any disk.
#include "wire/storage/storage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "base/error.h"
#include "wire/storage/check.h"
#include "wire/storage/ext.h"
#include "wire/storage/json.h"
#include "wire/storage/labels.h"
#include "wire/storage/place.h"
#include "wire/storage/tree_text.h"

namespace ka::storage {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::uint64_t gib = 1 << 30;
const char* const linux_guid = "0FC63DAF-8483-4772-8E79-3D69D8477DE4";

// Any storage that does not contradict itself: a disk, a table, partitions that lie anywhere, contents on some.
class RandomStorage {
 public:
  explicit RandomStorage(std::uint64_t seed) : random_(seed) {}

  Storage make() {
    const std::uint64_t units[] = {1, 63, 2048};
    unit_ = units[below(3)];
    sectors_ = 200000 + below(below(2) ? 40'000'000 : 3'900'000'000);
    storage_.nodes.push_back({"sda", {}, {"/dev/disk/by-id/x \\"}, Disk{sectors_ * 512, 512, ""}});
    gpt_ = below(2);
    Table table;
    table.label = gpt_ ? Label::gpt : Label::dos;
    table.identity = gpt_ ? guid() : "0x59be1427";
    table.slots = gpt_ ? 128 : 0;
    storage_.nodes.push_back({"sda:table", {"sda"}, {}, table});
    partitions(rule(table.label).first(table, 512) / 512, rule(table.label).end(table, {sectors_ * 512, 512}) / 512);
    contents();
    return storage_;
  }

  std::uint64_t below(std::uint64_t n) { return random_() % n; }

 private:
  std::string guid() {
    char text[40];
    std::snprintf(text, sizeof text, "%08X-0000-0000-0000-%012llX", static_cast<unsigned>(random_()),
                  static_cast<unsigned long long>(random_() >> 16));
    return text;
  }

  void partitions(std::uint64_t at, std::uint64_t end) {
    at += below(2 * unit_);
    const int count = 1 + static_cast<int>(below(gpt_ ? 9 : 4));
    const int extended = !gpt_ && below(3) ? static_cast<int>(below(4)) : -1;
    std::vector<int> numbers;
    for (int i = 1; i <= (gpt_ ? 128 : 4); ++i) numbers.push_back(i);
    std::shuffle(numbers.begin(), numbers.end(), random_);
    for (int i = 0; i < count; ++i) {
      const std::uint64_t room = end - at, parts = static_cast<std::uint64_t>(count - i);
      const std::uint64_t size = parts == 1 && below(2) ? room : 1000 + below(room / parts - 1000);
      add(numbers[static_cast<std::size_t>(i)], i == extended ? Role::extended : Role::plain, at, size);
      if (i == extended) logicals(at, size);
      at += size + (below(2) ? 0 : below(unit_));
      if (at + 2000 * parts > end) break;
    }
    auto last = std::max_element(storage_.nodes.begin() + 2, storage_.nodes.end(), [](const Node& a, const Node& b) {
      return as<Partition>(a).start < as<Partition>(b).start;
    });
    if (!below(2)) return;
    std::get<Partition>(last->what).size.fill = true;
    if (as<Partition>(*last).role != Role::logical) return;
    for (Node& node : storage_.nodes)
      if (auto* p = std::get_if<Partition>(&node.what); p && p->role == Role::extended) p->size.fill = true;
  }

  void logicals(std::uint64_t start, std::uint64_t size) {
    const std::uint64_t count = below(7), each = size / (count + 1);
    std::uint64_t at = start;
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::uint64_t gap = 2 + below(unit_);
      if (each < gap + 10) return;
      const std::uint64_t space = 1 + below(each - gap);
      add(5 + static_cast<int>(i), Role::logical, at + gap, space);
      at += gap + space;
    }
  }

  void add(int number, Role role, std::uint64_t start, std::uint64_t size) {
    Partition p;
    p.number = number;
    p.role = role;
    p.type = gpt_ ? linux_guid : role == Role::extended ? "5" : "83";
    p.guid = gpt_ ? guid() : "";
    p.name = gpt_ ? "caf\xc3\xa9 \"" + std::to_string(number) : "";
    p.attributes = gpt_ ? below(8) | std::uint64_t{1} << 63 : 0;
    p.start = start * 512;
    p.size.bytes = size * 512;
    storage_.nodes.push_back({"sda" + std::to_string(number), {"sda:table"}, {}, p});
  }

  void contents() {
    const Storage bare = storage_;
    for (const Node* node : all<Partition>(bare)) {
      const Partition p = as<Partition>(*node);
      const Id on = "sda" + std::to_string(p.number);
      if (p.role == Role::extended) continue;
      const std::uint64_t kind = below(4);
      if (kind == 0) storage_.nodes.push_back({on + ":fs", {on}, {}, Swap{"5a5a", "l\xe9"}});
      if (kind == 1) storage_.nodes.push_back({on + ":fs", {on}, {}, Blocks{p.size.bytes, "", "", "", 0}});
      if (kind == 2) storage_.nodes.push_back({on + ":fs", {on}, {}, ext()});
    }
  }

  Ext ext() {
    Ext e;
    e.version = "ext" + std::to_string(2 + below(3));
    e.used = {below(1000) * mib, below(100000), below(100) * mib};
    const std::uint32_t sizes[] = {0, 1024, 2048, 4096};
    e.block_size = sizes[below(4)];
    e.inode_size = below(2) ? 256 : 128;
    e.features = {"has_journal", "extent"};
    e.journal_mib = below(3) ? 0 : static_cast<std::uint32_t>(below(200));
    e.bytes_per_inode = below(3) ? 0 : 2048 << below(8);
    return e;
  }

  std::mt19937_64 random_;
  std::uint64_t unit_ = 1, sectors_ = 0;
  bool gpt_ = false;
  Storage storage_;
};

template <typename Do>
void with_random_storages(int count, Do act) {
  const std::uint64_t first = std::random_device()();
  for (std::uint64_t seed = first; seed < first + static_cast<std::uint64_t>(count); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomStorage random(seed);
    const Storage storage = random.make();
    ASSERT_NO_THROW(check(storage)) << to_json(storage).dump();
    act(storage, random);
    if (testing::Test::HasFailure()) return;
  }
}

Storage back(const nlohmann::json& json) {
  const nlohmann::json whole = {{"storage", json}};
  return from_json(wire::JsonReader(whole, ""), "storage");
}

TEST(StorageTest, ComesBackFromJsonAsItWas) {
  auto act = [](const Storage& storage, RandomStorage&) { EXPECT_EQ(back(to_json(storage)), storage); };
  with_random_storages(300, act);
}

TEST(StorageTest, AnyGoldenTableFitsItsOwnDiskToTheSector) {
  auto act = [](const Storage& storage, RandomStorage&) {
    const Places places = place(storage, golden_disks(storage));
    for (const Node* node : all<Partition>(storage)) {
      const Partition& p = as<Partition>(*node);
      const Place& here = places.at(node->id);
      EXPECT_EQ(here.start, p.start) << node->id;
      if (p.size.fill)
        EXPECT_GE(here.ground.bytes, p.size.bytes) << node->id;
      else
        EXPECT_EQ(here.ground.bytes, p.size.bytes) << node->id;
    }
  };
  with_random_storages(1000, act);
}

// Wherever it fits: nothing is lost, nothing overlaps, and the table can say it.
TEST(StorageTest, OnAnyDiskNothingOverlaps) {
  int placed = 0;
  auto act = [&placed](const Storage& storage, RandomStorage& random) {
    const std::uint64_t golden = as<Disk>(storage.nodes[0]).bytes;
    const std::uint32_t sector = random.below(2) ? 512 : 4096;
    const std::uint64_t bytes = golden / 2 / sector * sector + random.below(golden / sector) * sector;
    Storage shrinking = storage, made = storage;
    for (Node& node : shrinking.nodes)
      if (auto* p = std::get_if<Partition>(&node.what)) p->size.shrinks = random.below(2);
    Places places;
    try {
      places = place(shrinking, {{"sda", {bytes, sector}}});
    } catch (const Error&) {
      return;
    }
    ++placed;
    std::get<Disk>(made.nodes[0].what) = {bytes, sector, ""};
    for (Node& node : made.nodes) {
      auto* p = std::get_if<Partition>(&node.what);
      if (!p) continue;
      p->start = places.at(node.id).start;
      p->size.bytes = places.at(node.id).ground.bytes;
      EXPECT_EQ(p->start % sector, 0u);
      EXPECT_EQ(p->size.bytes % sector, 0u);
    }
    EXPECT_NO_THROW(check_places(made, made.nodes[1]));
  };
  with_random_storages(1000, act);
  EXPECT_GT(placed, 300);
}

TEST(StorageTest, MoreGroundIsNeverLessRoom) {
  auto act = [](const Storage& storage, RandomStorage& random) {
    for (const Node& node : storage.nodes) {
      if (!rule(node).room) continue;
      for (int i = 0; i < 50; ++i) {
        const std::uint64_t small = random.below(std::uint64_t{1} << (20 + random.below(25)));
        const std::uint64_t large = small + random.below(small + mib);
        ASSERT_LE(rule(node).room(node, {small, 512}), rule(node).room(node, {large, 512}))
            << node.id << " " << small << " " << large;
      }
      if (!rule(node).need) continue;
      const std::uint64_t enough = least(node, 512);
      EXPECT_TRUE(fits(node, {enough, 512})) << enough;
      EXPECT_FALSE(enough > mib && fits(node, {enough - mib, 512})) << enough;
    }
  };
  with_random_storages(300, act);
}

// ---- One at a time ----

Partition partition(int number, const char* type, std::uint64_t size_mib, Role role = Role::plain) {
  Partition p;
  p.number = number;
  p.role = role;
  p.type = type;
  p.size = {size_mib * mib, size_mib == 0, false};
  return p;
}

Storage storage(Table table, std::vector<Partition> partitions, std::uint64_t disk = 8 * gib) {
  Storage s;
  s.nodes = {{"sda", {}, {}, Disk{disk, 512, ""}}, {"sda:table", {"sda"}, {}, std::move(table)}};
  for (Partition& p : partitions) s.nodes.push_back({partition_name("sda", p.number), {"sda:table"}, {}, std::move(p)});
  return s;
}

const Table dos = {Label::dos, "0x59be1427", 0};
const Table gpt = {Label::gpt, "5D1C0000-1111-2222-3333-444455556666", 128};

// "1:1+3500 2:3501+500": start and size in MiB.
std::string placed(const Storage& s, std::uint64_t disk, std::uint32_t sector = 512) {
  std::string text;
  try {
    for (const auto& [id, place] : place(s, {{"sda", {disk, sector}}}))
      if (get<Partition>(s.find(id)))
        text += (text.empty() ? "" : " ") + id.substr(3) + ":" + std::to_string(place.start / mib) + "+" +
                std::to_string(place.ground.bytes / mib);
  } catch (const Error& error) {
    return error.what();
  }
  return text;
}

TEST(StorageTest, AGptLeavesRoomForItsCopyAtTheEnd) {
  const Storage s = storage(gpt, {partition(1, bios_boot_guid, 1), partition(2, linux_guid, 0)});
  EXPECT_EQ(placed(s, gib), "1:1+1 2:2+1021");
  EXPECT_EQ(placed(s, gib + mib), "1:1+1 2:2+1022");
  EXPECT_EQ(placed(storage(dos, {partition(1, "83", 0)}), gib), "1:1+1023");
}

TEST(StorageTest, AGptIsNotBoundToTwoTebibytes) {
  EXPECT_EQ(placed(storage(gpt, {partition(1, linux_guid, 0)}), 3072 * gib), "1:1+3145726");
  EXPECT_EQ(placed(storage(dos, {partition(1, "83", 0)}), 3072 * gib), "1:1+2097150");
}

TEST(StorageTest, WhatMayShrinkGivesWayByItsShareDownToWhatIsUsed) {
  Storage s =
      storage(gpt, {partition(1, linux_guid, 4000), partition(2, linux_guid, 2000), partition(3, linux_guid, 0)});
  EXPECT_THAT(placed(s, 4 * gib), HasSubstr("they need 6001 MiB, there are 4094"));
  Ext root;
  root.version = "ext4";
  root.used.bytes = 1000 * mib;
  s.nodes.push_back({"sda1:fs", {"sda1"}, {}, root});
  std::get<Partition>(s.nodes[2].what).size.shrinks = true;
  const std::uint64_t smallest = least(s.at("sda1:fs"), 512, true) / mib;
  EXPECT_GT(smallest, 1100u);
  EXPECT_LT(smallest, 1300u);
  EXPECT_EQ(placed(s, 4 * gib), "1:1+2093 2:2094+2000 3:4094+1");
  EXPECT_THAT(placed(s, (smallest + 2000 + 2) * mib), HasSubstr("they need"));
  std::get<Partition>(s.nodes[3].what).size.shrinks = true;  // nothing is on it
  EXPECT_EQ(placed(s, 4 * gib).substr(0, 4), "1:1+");
  EXPECT_EQ(placed(s, 8 * gib), "1:1+4000 2:4001+2000 3:6001+2190");
}

// What is found by its place stays there, or the clone is refused.
TEST(StorageTest, WhatIsCopiedBlockByBlockStaysInItsPlace) {
  Storage s = storage(gpt, {partition(1, linux_guid, 100), partition(2, linux_guid, 0)});
  s.nodes.push_back({"sda2:fs", {"sda2"}, {}, Blocks{10 * mib, "", "", "ntfs", 101 * mib}});
  auto why = [&s](std::uint32_t sector) {
    try {
      check_kept(s, place(s, {{"sda", {4 * gib, sector}}}));
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_EQ(why(512), "");
  EXPECT_THAT(why(4096), HasSubstr("its disk has sectors of 512 bytes, this one of 4096"));
  std::get<Blocks>(s.nodes.back().what).start = 100 * mib;
  EXPECT_THAT(why(512), HasSubstr("copy the golden sda2 block by block: it begins at sector 204800, and here it would "
                                  "at 206848"));
  std::get<Blocks>(s.nodes.back().what).start = 0;
  EXPECT_EQ(why(512), "");
}

// As --shrink has it: the fill and all that holds files give way, swap and copies of blocks never.
TEST(StorageTest, OnASmallerDiskFilesGiveWayAndBlocksDoNot) {
  Storage s =
      storage(dos, {partition(1, "83", 2000), partition(2, "82", 500), partition(3, "7", 1000), partition(4, "83", 0)});
  Ext files;
  files.version = "ext4";
  files.used.bytes = 500 * mib;
  s.nodes.push_back({"sda1:fs", {"sda1"}, {}, files});
  s.nodes.push_back({"sda2:fs", {"sda2"}, {}, Swap{"5a5a", ""}});
  s.nodes.push_back({"sda3:fs", {"sda3"}, {}, Blocks{1000 * mib, "", "", "", 0}});
  s.nodes.push_back({"sda4:fs", {"sda4"}, {}, files});
  std::uint64_t start = mib;
  for (std::size_t i = 2; i < 6; ++i) {
    Partition& p = std::get<Partition>(s.nodes[i].what);
    if (p.number == 4) p.size = {4000 * mib, true, true};
    if (p.number == 1) p.size.shrinks = true;
    p.start = start;
    start += p.size.bytes;
  }
  const std::uint64_t smallest = least(s.at("sda1:fs"), 512, true) / mib;
  EXPECT_LT(smallest, 700u);
  EXPECT_EQ(placed(s, 8 * gib), "1:1+2000 2:2001+500 3:2501+1000 4:3501+4691");
  const std::string text = placed(s, (smallest + 1500 + smallest + 1) * mib);
  EXPECT_EQ(text, "1:1+" + std::to_string(smallest) + " 2:" + std::to_string(1 + smallest) +
                      "+500 3:" + std::to_string(501 + smallest) + "+1000 4:" + std::to_string(1501 + smallest) + "+" +
                      std::to_string(smallest));
}

std::vector<std::string> borne(const Storage& s) {
  std::vector<std::string> text;
  for (const Node& node : s.nodes)
    for (const Identity& identity : identities_of(s, node))
      text.push_back(node.id + " " + identity.tag + " " + identity.value);
  return text;
}

TEST(StorageTest, WhatAMachineMustNotHaveTwice) {
  Storage s = storage(gpt, {partition(1, linux_guid, 100), partition(2, linux_guid, 0)});
  std::get<Partition>(s.nodes[2].what).guid = "AAAAAAAA-1111-2222-3333-444455556666";
  Fat fat;
  fat.uuid = "7A1C-99E2";
  s.nodes.push_back({"sda1:fs", {"sda1"}, {}, fat});
  s.nodes.push_back({"sda2:fs", {"sda2"}, {}, Swap{"", ""}});  // a new one
  EXPECT_THAT(borne(s),
              ElementsAre("sda:table PTUUID 5d1c0000-1111-2222-3333-444455556666",
                          "sda1 PART_ENTRY_UUID aaaaaaaa-1111-2222-3333-444455556666", "sda1:fs UUID 7a1c-99e2"));
  s = storage(dos, {partition(1, "83", 100)});
  EXPECT_THAT(borne(s), ElementsAre("sda:table PTUUID 59be1427", "sda1 PART_ENTRY_UUID 59be1427-01"));
  // An identifier that nobody gave; a volume id of what nobody here knows, as all sticks of one make have it.
  s = storage({Label::dos, "0x00000000", 0}, {partition(1, "83", 100), partition(2, "7", 100)});
  s.nodes.push_back({"sda1:fs", {"sda1"}, {}, Blocks{mib, "7A1C-99E2", "", "", 0}});
  s.nodes.push_back({"sda2:fs", {"sda2"}, {}, Blocks{mib, "01D5F0A2C3B4E5F6", "", "", 0}});
  EXPECT_THAT(borne(s), ElementsAre("sda2:fs UUID 01d5f0a2c3b4e5f6"));
}

TEST(StorageTest, OnLargerSectorsBlocksGrowOrItIsRefused) {
  Ext small;
  small.version = "ext4";
  small.block_size = 1024;
  small.blocks = 400000;
  small.reserved_blocks = 20000;
  small.stride = 64;
  small.journal_mib = 3;
  const Ext same = ext_on(small, {400 * mib, 512}), on_4096 = ext_on(small, {400 * mib, 4096});
  EXPECT_EQ(same, small);
  EXPECT_EQ(on_4096.block_size, 4096u);
  EXPECT_EQ(on_4096.blocks, 100000u);
  EXPECT_EQ(on_4096.reserved_blocks, 5000u);
  EXPECT_EQ(on_4096.stride, 16u);
  EXPECT_EQ(on_4096.journal_mib, 0u);
  Xfs xfs;
  xfs.block_size = 1024;
  Storage s = storage(gpt, {partition(1, linux_guid, 1000)});
  std::get<Partition>(s.nodes[2].what).start = mib;
  s.nodes.push_back({"sda1:fs", {"sda1"}, {}, xfs});
  EXPECT_EQ(placed(s, 8 * gib), "1:1+1000");
  EXPECT_THAT(placed(s, 8 * gib, 4096), HasSubstr("make the golden sda1 (xfs): its blocks are smaller than the "
                                                  "sectors of the disk here, which have 4096 bytes"));
}

TEST(StorageTest, ATreeForPeople) {
  Storage s = storage(gpt, {partition(1, bios_boot_guid, 1), partition(2, linux_guid, 0)});
  std::get<Partition>(s.nodes[3].what).name = "root";
  Ext root;
  root.version = "ext4";
  s.nodes.push_back({"sda2:fs", {"sda2"}, {}, root});
  EXPECT_THAT(tree_text(s, place(s, {{"sda", {gib, 512}}})),
              ElementsAre("sda: disk, 8.0 GiB", "  sda:table: gpt table 5D1C0000-1111-2222-3333-444455556666",
                          std::string("    sda1: partition 1, type ") + bios_boot_guid + ", 1 MiB at 1 MiB",
                          std::string("    sda2: partition 2, type ") + linux_guid + " \"root\", 1021 MiB at 2 MiB",
                          "      sda2:fs: ext4"));
}

TEST(StorageTest, EveryKindHasItsRule) {
  const std::pair<What, const char*> kinds[] = {
      {Disk(), "disk"},   {Table(), "table"},       {Partition(), "partition"},
      {Raid(), "raid"},   {Crypt(), "crypt"},       {Group(), "group"},
      {Pool(), "pool"},   {Volume(), "volume"},     {Ext(), "ext"},
      {Fat(), "fat"},     {Xfs(), "xfs"},           {Btrfs(), "btrfs"},
      {Jfs(), "jfs"},     {Reiserfs(), "reiserfs"}, {F2fs(), "f2fs"},
      {Exfat(), "exfat"}, {Swap(), "swap"},         {Blocks(), "blocks"}};
  static_assert(std::size(kinds) == std::variant_size_v<What>);
  for (const auto& [what, kind] : kinds) EXPECT_STREQ(rule({"x", {}, {}, what}).kind, kind);
}

struct Fault {
  const char* what;
  void (*make)(Storage&);
  const char* why;
};
void PrintTo(const Fault& fault, std::ostream* out) { *out << fault.what; }

class FaultyStorageTest : public testing::TestWithParam<Fault> {};

Partition& partition_of(Storage& s, std::size_t index) { return std::get<Partition>(s.nodes[2 + index].what); }

TEST_P(FaultyStorageTest, IsRefusedInWords) {
  Storage s = storage(dos, {partition(1, "83", 100), partition(2, "5", 0, Role::extended),
                            partition(5, "82", 100, Role::logical), partition(6, "83", 0, Role::logical)});
  s.nodes.push_back({"sda5:fs", {"sda5"}, {}, Swap{"", ""}});
  ASSERT_NO_THROW(check(s));
  GetParam().make(s);
  try {
    check(s);
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr(GetParam().why));
  }
}

const Fault faults[] = {
    {"an id twice", [](Storage& s) { s.nodes.push_back(s.nodes[6]), s.nodes[7].on = {"sda1"}; },
     "manifest: storage[7].id: sda5:fs is there twice"},
    {"a path as id", [](Storage& s) { s.nodes[0].id = "../sda"; }, "storage[0].id"},
    {"an option as id", [](Storage& s) { s.nodes[0].id = "--force"; }, "storage[0].id"},
    {"a node on one that comes later", [](Storage& s) { std::swap(s.nodes[1], s.nodes[0]); }, "storage[0].on"},
    {"two on one device",
     [](Storage& s) {
       s.nodes.push_back({"x", {"sda5"}, {}, Swap()});
     },
     "storage[7].on: sda5 is taken by sda5:fs already"},
    {"something on a content",
     [](Storage& s) {
       s.nodes.push_back({"x", {"sda5:fs"}, {}, Swap()});
     },
     "nothing can stand on sda5:fs"},
    {"a content on the extended one",
     [](Storage& s) {
       s.nodes.push_back({"x", {"sda2"}, {}, Swap()});
     },
     "nothing can stand on sda2"},
    {"a content on a table",
     [](Storage& s) {
       s.nodes.push_back({"x", {"sda:table"}, {}, Swap()});
     },
     "on which only devices stand"},
    {"a partition on a disk", [](Storage& s) { s.nodes[2].on = {"sda"}; }, "sda is taken by sda:table already"},
    {"a GPT type on a DOS table", [](Storage& s) { partition_of(s, 0).type = linux_guid; }, "storage[2].type"},
    {"a name on a DOS table", [](Storage& s) { partition_of(s, 0).name = "root"; }, "storage[2].name"},
    {"a fifth primary", [](Storage& s) { partition_of(s, 0).number = 5; }, "storage[2].number: 5 is not 1 to 4"},
    {"a number twice", [](Storage& s) { partition_of(s, 1).number = 1; }, "sda2: number 1 is there twice"},
    {"a gap in the logical ones", [](Storage& s) { partition_of(s, 3).number = 8; }, "without a gap"},
    {"two fills",
     [](Storage& s) {
       partition_of(s, 0).size = {0, true, false};
     },
     "sda2: a second fill"},
    {"two logical fills",
     [](Storage& s) {
       partition_of(s, 2).size = {0, true, false};
     },
     "sda6: a second fill"},
    {"an extended type on a plain one", [](Storage& s) { partition_of(s, 0).type = "f"; }, "does not go with its role"},
    {"a partition of no size", [](Storage& s) { partition_of(s, 0).size.bytes = 0; }, "storage[2].size.bytes"},
    {"a size beyond all disks", [](Storage& s) { partition_of(s, 0).size.bytes = ~0ull; }, "storage[2].size.bytes"},
    {"a disk of no size", [](Storage& s) { std::get<Disk>(s.nodes[0].what).bytes = 0; }, "storage[0].bytes"},
    {"sectors of 513", [](Storage& s) { std::get<Disk>(s.nodes[0].what).sector = 513; }, "storage[0].sector"},
    {"short boot code", [](Storage& s) { std::get<Disk>(s.nodes[0].what).boot_code = "x"; }, "storage[0].boot_code"},
    {"an identity that is none", [](Storage& s) { std::get<Table>(s.nodes[1].what).identity = "0x1"; },
     "storage[1].identity"},
    {"logical ones in a GPT", [](Storage& s) { std::get<Table>(s.nodes[1].what) = gpt; }, "storage[2].type"},
    {"an overlap",
     [](Storage& s) {
       for (std::size_t i = 0; i < 4; ++i) partition_of(s, i).start = 50 * (i + 1) * mib;
       for (std::size_t i = 0; i < 4; ++i) partition_of(s, i).size.bytes = 60 * mib;
     },
     "the partition table of sda: sda1 (type 83, sectors 102400 to 225279) and sda2 (type 5,"},
    {"an option as a UUID", [](Storage& s) { std::get<Swap>(s.nodes[6].what).uuid = "-b"; }, "storage[6].uuid"},
    {"a control character in a label", [](Storage& s) { std::get<Swap>(s.nodes[6].what).label = "\n"; },
     "storage[6].label"},
};

INSTANTIATE_TEST_SUITE_P(All, FaultyStorageTest, testing::ValuesIn(faults));

}  // namespace
}  // namespace ka::storage
