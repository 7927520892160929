// Which disks a clone can do without, and what is left of its storage.
#include "wire/degraded.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "wire/storage/labels.h"

namespace ka::wire {
namespace {

using storage::Id;
using storage::Raid;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class DegradedTest : public testing::Test {
 protected:
  // Disks with so many partitions each: "sda", "sda1", ….
  void disks(const std::string& letters, int partitions) {
    for (char letter : letters) {
      std::vector<storage::Partition> all;
      for (int number = 1; number <= partitions; ++number) {
        storage::Partition partition;
        partition.number = number;
        partition.type = "fd";
        partition.size.bytes = 1 << 30;
        all.push_back(partition);
      }
      storage::add_disk(manifest_.storage, std::string("sd") + letter, {std::uint64_t{8} << 30, 512, ""}, {}, all);
    }
  }

  Raid& array(const Id& id, const std::string& level, std::vector<Id> legs, unsigned spares = 0) {
    Raid raid;
    raid.level = level;
    raid.metadata = "1.2";
    raid.uuid = "3aaa0122:29827cfa:5331ad66:ca767371";
    raid.slots = static_cast<std::uint32_t>(legs.size() - spares);
    if (level != "raid1") raid.chunk = 65536;
    manifest_.storage.nodes.push_back({id, std::move(legs), {}, raid});
    return std::get<Raid>(manifest_.storage.nodes.back().what);
  }

  void root_on(const Id& device) {
    storage::Ext ext;
    ext.version = "ext4";
    storage::add_content(manifest_.storage, device, ext);
    manifest_.mounts.push_back({device + ":fs", manifest_.mounts.empty() ? "/" : "/" + device, ""});
  }

  // Of each disk: "" or why it cannot be missing.
  std::string why(const std::set<Id>& disks) { return why_not_missing(manifest_, disks); }
  const Raid& left(const Id& id) { return storage::as<Raid>(manifest_.storage.at(id)); }

  Manifest manifest_;
};

TEST_F(DegradedTest, WhatIsLeftHasNothingOfTheMissingDisk) {
  disks("ab", 2);
  array("md0", "raid1", {"sda1", "sdb1"});
  array("md1", "raid1", {"sda2", "sdb2"});
  root_on("md0");
  root_on("md1");
  manifest_.boot_loader = BootLoader{BootLoader::Kind::grub, "sda", {}};
  manifest_.boot.bios = boot::BiosWay{boot::BiosWay::Loader::grub, {"sda", "sdb"}, "/boot/grub"};
  leave_out(manifest_, {"sda"});
  for (const char* gone : {"sda", "sda:dos", "sda1", "sda2"}) EXPECT_FALSE(manifest_.storage.find(gone)) << gone;
  EXPECT_THAT(manifest_.storage.at("md0").on, ElementsAre("sdb1"));
  EXPECT_THAT(left("md1").empty_slots, ElementsAre(0u));
  EXPECT_EQ(manifest_.boot_loader->disk, "sdb");
  EXPECT_THAT(manifest_.boot.bios->disks, ElementsAre("sdb"));
  EXPECT_THAT(degraded_text(manifest_.storage),
              ElementsAre("md0 is made with 1 of its 2 legs; mdadm /dev/md0 --add DEVICE completes it",
                          "md1 is made with 1 of its 2 legs; mdadm /dev/md1 --add DEVICE completes it"));
}

TEST_F(DegradedTest, EachLevelBearsWhatItsDataIsTwiceIn) {
  struct {
    const char *level, *layout;
    std::set<Id> borne, lost;
  } const cases[] = {{"raid1", "", {"sdb", "sdc", "sdd"}, {"sda", "sdb", "sdc", "sdd"}},
                     {"raid4", "", {"sdb"}, {"sda", "sdb"}},
                     {"raid5", "left-symmetric", {"sda"}, {"sda", "sdd"}},
                     {"raid6", "", {"sdb", "sdc"}, {"sda", "sdb", "sdc"}},
                     {"raid10", "n2", {"sdb", "sdc"}, {"sda", "sdb"}},
                     {"raid10", "", {"sda", "sdd"}, {"sdc", "sdd"}},
                     {"raid10", "f2", {}, {"sdb"}},
                     {"raid10", "n3", {}, {"sdb"}},
                     {"raid0", "", {}, {"sdb"}},
                     {"linear", "", {}, {"sdb"}}};
  for (const auto& c : cases) {
    manifest_ = {};
    disks("abcd", 1);
    array("md0", c.level, {"sda1", "sdb1", "sdc1", "sdd1"}).layout = c.layout;
    root_on("md0");
    EXPECT_EQ(why(c.borne), "") << c.level << c.layout;
    EXPECT_THAT(why(c.lost), HasSubstr("md0 (" + std::string(c.level))) << c.level << c.layout;
    EXPECT_THAT(why(c.lost), HasSubstr("cannot do without it")) << c.level << c.layout;
  }
}

TEST_F(DegradedTest, WhatIsNoLegIsNeverLeftOut) {
  disks("ab", 2);
  array("md0", "raid1", {"sda1", "sdb1"});
  root_on("md0");
  EXPECT_EQ(why({"sdb"}), "sdb2 (partition 2, type fd) is on it");
  root_on("sdb2");
  EXPECT_EQ(why({"sdb"}), "sdb2 (ext4) is on it");
  Manifest before = manifest_;
  EXPECT_THROW(leave_out(manifest_, {"sdb"}), Error);
  EXPECT_EQ(manifest_.storage, before.storage);
}

TEST_F(DegradedTest, APhysicalVolumeBesideAnArrayIsNoLeg) {
  disks("ab", 2);
  array("md0", "raid1", {"sda1", "sdb1"});
  storage::Group group;
  group.physical.resize(2);
  manifest_.storage.nodes.push_back({"vg0", {"md0", "sdb2"}, {}, group});
  EXPECT_THAT(why({"sdb"}), HasSubstr("vg0 ("));
}

TEST_F(DegradedTest, WhereGrubGoesIsNoContent) {
  disks("ab", 2);
  for (storage::Node& node : manifest_.storage.nodes)
    if (auto* partition = std::get_if<storage::Partition>(&node.what); partition && partition->number == 2)
      partition->type = storage::bios_boot_guid;
  array("md0", "raid1", {"sda1", "sdb1"});
  root_on("md0");
  EXPECT_EQ(why({"sdb"}), "");
}

TEST_F(DegradedTest, TheOnlyDiskThatABootLoaderGoesToIsThere) {
  disks("ab", 1);
  array("md0", "raid1", {"sda1", "sdb1"});
  root_on("md0");
  manifest_.boot_loader = BootLoader{BootLoader::Kind::extlinux, "sda", {}};
  EXPECT_EQ(why({"sda"}), "extlinux would have no disk");
  EXPECT_EQ(why({"sdb"}), "");
}

TEST_F(DegradedTest, ASpareTakesThePlaceOfALegThatIsMissing) {
  disks("abc", 1);
  array("md0", "raid1", {"sda1", "sdb1", "sdc1"}, 1);
  root_on("md0");
  leave_out(manifest_, {"sda"});
  EXPECT_THAT(manifest_.storage.at("md0").on, ElementsAre("sdc1", "sdb1"));
  EXPECT_THAT(left("md0").empty_slots, IsEmpty());
  EXPECT_THAT(degraded_text(manifest_.storage), IsEmpty());
}

TEST_F(DegradedTest, AnArrayThatIsALegIsMissingAsAWhole) {
  disks("abcd", 1);
  array("md0", "raid0", {"sda1", "sdb1"});
  array("md1", "raid0", {"sdc1", "sdd1"});
  array("md2", "raid1", {"md0", "md1"});
  root_on("md2");
  EXPECT_EQ(why({"sdd"}), "");
  EXPECT_THAT(why({"sdb", "sdd"}), HasSubstr("cannot do without it"));
  leave_out(manifest_, {"sdd"});
  EXPECT_FALSE(manifest_.storage.find("md1"));
  EXPECT_THAT(manifest_.storage.at("md2").on, ElementsAre("md0"));
}

TEST_F(DegradedTest, TheLastDisksAreMissingFirst) {
  disks("abcd", 1);
  array("md0", "raid10", {"sda1", "sdb1", "sdc1", "sdd1"});
  root_on("md0");
  const std::vector<Id> all = {"sda", "sdb", "sdc", "sdd"};
  EXPECT_THAT(choose_missing(manifest_, all, 1).disks, ElementsAre("sdd"));
  EXPECT_THAT(choose_missing(manifest_, all, 2).disks, ElementsAre("sdb", "sdd"));
  EXPECT_THAT(choose_missing(manifest_, all, 2).why_not, IsEmpty());
  const MissingDisks too_many = choose_missing(manifest_, all, 3);
  EXPECT_EQ(too_many.disks.size(), 2u);
  EXPECT_THAT(too_many.why_not, ElementsAre(HasSubstr("sda: md0 ("), HasSubstr("sdc: md0 (")));
}

}  // namespace
}  // namespace ka::wire
