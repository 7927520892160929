// Partition tables as sfdisk reads and writes them.
#include "wire/storage/sfdisk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "wire/storage/place.h"

namespace ka::storage {
namespace {

constexpr const char* dos_json = R"({"partitiontable": {"label":"dos", "id":"0x59be1427", "device":"/dev/sda",
  "unit":"sectors", "sectorsize":512, "partitions": [
    {"node":"/dev/sda1", "start":2048, "size":409600, "type":"83", "bootable":true},
    {"node":"/dev/sda2", "start":411648, "size":817152, "type":"5"},
    {"node":"/dev/sda6", "start":546816, "size":681984, "type":"83"},
    {"node":"/dev/sda5", "start":413696, "size":131072, "type":"82"}]}})";

constexpr const char* gpt_json = R"({"partitiontable": {"label":"gpt", "id":"5d1c0000-1111-2222-3333-444455556666",
  "firstlba":34, "lastlba":204796, "table-length":"8", "sectorsize":512, "partitions": [
    {"node":"d1", "start":34, "size":100, "type":"21686148-6449-6E6F-744E-656564454649",
     "uuid":"11111111-1111-2222-3333-444455556666", "name":"a\"b \\ \u00e9"},
    {"node":"d3", "start":4096, "size":20000, "type":"0FC63DAF-8483-4772-8E79-3D69D8477DE4",
     "uuid":"33333333-1111-2222-3333-444455556666", "attrs":"RequiredPartition LegacyBIOSBootable GUID:48,63"}]}})";

TEST(Sfdisk, ADosTable) {
  const ReadTable table = read_sfdisk(dos_json);
  EXPECT_EQ(table.label, "dos");
  EXPECT_EQ(table.table.identity, "0x59be1427");
  ASSERT_EQ(table.partitions.size(), 4u);
  EXPECT_TRUE(table.partitions[0].active);
  EXPECT_EQ(table.partitions[1].role, Role::extended);
  EXPECT_EQ(table.partitions[2].number, 5);
  EXPECT_EQ(table.partitions[2].role, Role::logical);
  EXPECT_EQ(table.partitions[2].start, 413696u * 512);
  EXPECT_EQ(table.find(6)->type, "83");
  EXPECT_EQ(table.find(3), nullptr);
}

TEST(Sfdisk, AGpt) {
  const ReadTable table = read_sfdisk(gpt_json);
  EXPECT_EQ(table.table.label, Label::gpt);
  EXPECT_EQ(table.table.identity, "5D1C0000-1111-2222-3333-444455556666");
  EXPECT_EQ(table.table.slots, 8u);
  ASSERT_EQ(table.partitions.size(), 2u);
  EXPECT_EQ(table.partitions[0].name, "a\"b \\ \xc3\xa9");
  EXPECT_EQ(table.partitions[1].attributes, 0x8001000000000005u);
}

TEST(Sfdisk, OtherLabelsAreOnlyNamed) {
  EXPECT_EQ(read_sfdisk(R"({"partitiontable":{"label":"sun"}})").label, "sun");
  EXPECT_FALSE(read_sfdisk(R"({"partitiontable":{"label":"sun"}})").known());
}

TEST(Sfdisk, WhatItDoesNotPrintIsAnError) {
  for (const char* text :
       {"{}", "no json", R"({"partitiontable":{"label":"dos","id":"0x12345678901"}})",
        R"({"partitiontable":{"label":"dos","id":"0x1","partitions":[{"node":"/dev/sda"}]}})",
        R"({"partitiontable":{"label":"dos","id":"0x1","partitions":[{"node":"a1","start":-1,"size":1,"type":"83"}]}})",
        R"({"partitiontable":{"label":"dos","id":"0x1","partitions":[{"node":"a1","start":1,"size":1,"type":"x"}]}})"})
    EXPECT_THROW(read_sfdisk(text), Error) << text;
}

Storage as_storage(const ReadTable& read) {
  Storage s;
  add_disk(s, "sda", {100 << 20, 512, ""}, read.table, read.partitions);
  return s;
}

TEST(Sfdisk, TheScriptNamesEveryPartitionByItsNumber) {
  Storage s = as_storage(read_sfdisk(dos_json));
  std::get<Disk>(s.nodes[0].what).bytes = 600 << 20;
  EXPECT_EQ(sfdisk_script(s, s.nodes[1], place(s, golden_disks(s))),
            "label: dos\nlabel-id: 0x59be1427\nunit: sectors\n\n"
            "partition1 : start=2048, size=409600, type=83, bootable\n"
            "partition2 : start=411648, size=817152, type=5\n"
            "partition5 : start=413696, size=131072, type=82\n"
            "partition6 : start=546816, size=681984, type=83\n");
}

TEST(Sfdisk, TheScriptOfAGptSaysAllThatItKeeps) {
  const Storage s = as_storage(read_sfdisk(gpt_json));
  EXPECT_EQ(sfdisk_script(s, s.nodes[1], place(s, golden_disks(s))),
            "label: gpt\nlabel-id: 5D1C0000-1111-2222-3333-444455556666\nunit: sectors\nfirst-lba: 4\n"
            "table-length: 8\n\n"
            "partition1 : start=34, size=100, type=21686148-6449-6E6F-744E-656564454649, "
            "uuid=11111111-1111-2222-3333-444455556666, name=\"a\\x22b \\x5c \xc3\xa9\"\n"
            "partition3 : start=4096, size=20000, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4, "
            "uuid=33333333-1111-2222-3333-444455556666, attrs=\"RequiredPartition LegacyBIOSBootable GUID:48,63\"\n");
}

TEST(Sfdisk, WhatWasMadeOtherwiseIsSaid) {
  const ReadTable meant = read_sfdisk(gpt_json);
  const Storage s = as_storage(meant);
  const Places places = place(s, golden_disks(s));
  auto with = [&](auto change) {
    ReadTable made = meant;
    change(made);
    return difference(s, s.nodes[1], places, made);
  };
  EXPECT_EQ(with([](ReadTable&) {}), "");
  EXPECT_EQ(with([](ReadTable& t) { t.partitions[0].guid[0] = '2'; }),
            "partition 1 has the GUID 21111111-1111-2222-3333-444455556666 and not "
            "11111111-1111-2222-3333-444455556666");
  EXPECT_EQ(with([](ReadTable& t) { t.partitions[0].start += 512; }), "partition 1 lies elsewhere");
  EXPECT_EQ(with([](ReadTable& t) { t.partitions[1].name = "x"; }), "partition 3 is called \"x\" and not \"\"");
  EXPECT_EQ(with([](ReadTable& t) { t.partitions[1].attributes = 1; }),
            "partition 3 has the attributes \"RequiredPartition\" and not \"RequiredPartition LegacyBIOSBootable "
            "GUID:48,63\"");
  EXPECT_EQ(with([](ReadTable& t) { t.partitions.pop_back(); }), "there are 1 partitions and not 2");
  EXPECT_EQ(with([](ReadTable& t) { t.label = "dos"; }), "the table is dos");
}

}  // namespace
}  // namespace ka::storage
