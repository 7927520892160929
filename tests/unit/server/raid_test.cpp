// What sysfs and mdadm 4.2 say of arrays, as it was read on Linux 6.1.
#include "server/golden/raid.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wire/storage/storage.h"

namespace ka::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const char* const mirror_detail =
    "MD_LEVEL=raid1\nMD_DEVICES=2\nMD_METADATA=1.2\nMD_UUID=5cbd8e51:0ae961b6:0e600bdc:6e4dac47\n"
    "MD_NAME=golden:0\nMD_DEVICE_dev_loop2_ROLE=spare\nMD_DEVICE_dev_loop2_DEV=/dev/loop2\n";

class GoldenRaid : public testing::Test {
 protected:
  GoldenRaid() { device_.name = "md0", device_.size = 203751424; }

  ReadArray read() const { return understand_array(device_, sysfs_, detail_); }
  storage::Raid raid() const { return storage::as<storage::Raid>(read().node); }

  BlockDevice device_;
  std::string detail_ = mirror_detail;
  ArraySysfs sysfs_ = {{"level", "raid1"},
                       {"metadata_version", "1.2"},
                       {"layout", "0"},
                       {"chunk_size", "0"},
                       {"raid_disks", "2"},
                       {"array_state", "clean"},
                       {"sync_action", "idle"},
                       {"consistency_policy", "bitmap"},
                       {"degraded", "0"},
                       {"bitmap/location", "+8"},
                       {"bitmap/metadata", "internal"},
                       {"reshape_position", "none"},
                       {"dev-loop0/slot", "0"},
                       {"dev-loop0/state", "in_sync"},
                       {"dev-loop0/offset", "2048"},
                       {"dev-loop1/slot", "1"},
                       {"dev-loop1/state", "in_sync"},
                       {"dev-loop1/offset", "2048"},
                       {"dev-loop2/slot", "none"},
                       {"dev-loop2/state", "spare"},
                       {"dev-loop2/offset", "2048"}};
};

TEST_F(GoldenRaid, AMirrorWithASpare) {
  EXPECT_EQ(read().strange, "");
  EXPECT_THAT(read().node.on, ElementsAre("loop0", "loop1", "loop2"));
  EXPECT_EQ(raid(), (storage::Raid{"raid1", "1.2", "5cbd8e51:0ae961b6:0e600bdc:6e4dac47", "0", "", 0, 1 << 20, 2, true,
                                   203751424}));
  EXPECT_THAT(read().not_kept, IsEmpty());
}

TEST_F(GoldenRaid, LegsComeInTheOrderOfTheirSlots) {
  sysfs_["dev-loop0/slot"] = "1";
  sysfs_["dev-loop1/slot"] = "0";
  EXPECT_THAT(read().node.on, ElementsAre("loop1", "loop0", "loop2"));
}

TEST_F(GoldenRaid, OfOldMetadataThereIsNoName) {
  sysfs_["metadata_version"] = "0.90";
  sysfs_["bitmap/location"] = "none";
  detail_ = "MD_LEVEL=raid1\nMD_DEVICES=2\nMD_METADATA=0.90\nMD_UUID=256c2cb8:74121adb:3d186b3c:53958f34\n";
  EXPECT_EQ(raid().name, "");
  EXPECT_EQ(raid().offset, 0u);
  EXPECT_FALSE(raid().bitmap);
}

TEST_F(GoldenRaid, ALegThatFailedOrIsBeingRebuiltIsNamed) {
  sysfs_["dev-loop1/slot"] = "none";
  sysfs_["dev-loop1/state"] = "faulty";
  EXPECT_EQ(read().strange,
            "is degraded: loop1 has failed, leg 1 of 0 to 1 is missing; make it whole first (mdadm /dev/md0 --add "
            "DEVICE)");
  sysfs_["dev-loop1/slot"] = "1";
  sysfs_["dev-loop1/state"] = "spare";
  EXPECT_THAT(read().strange, HasSubstr("loop1 is being rebuilt"));
}

TEST_F(GoldenRaid, WhatFirmwareMadeIsNamed) {
  sysfs_ = {{"level", ""}, {"metadata_version", "external:imsm"}, {"array_state", "inactive"}};
  EXPECT_THAT(read().strange, HasSubstr("Intel's firmware (IMSM)"));
  sysfs_["metadata_version"] = "external:ddf";
  EXPECT_THAT(read().strange, HasSubstr("RAID controller (DDF)"));
  sysfs_ = {{"level", "raid1"}, {"metadata_version", "external:/md127/0"}, {"array_state", "clean"}};
  EXPECT_THAT(read().strange, HasSubstr("in the container md127"));
}

TEST_F(GoldenRaid, WhatClonesCannotHaveIsNamed) {
  const std::map<std::string, std::pair<std::string, std::string>> strange = {
      {"consistency_policy", {"ppl", "partial parity log"}},
      {"array_state", {"inactive", "does not run"}},
      {"bitmap/metadata", {"clustered", "cluster"}},
      {"bitmap/location", {"file", "bitmap in a file"}},
      {"reshape_position", {"2048", "reshaped"}},
      {"level", {"multipath", "multipath"}},
      {"dev-loop2/state", {"journal", "write journal"}},
      {"metadata_version", {"none", "without metadata"}}};
  const ArraySysfs whole = sysfs_;
  for (const auto& [file, what] : strange) {
    sysfs_ = whole;
    sysfs_[file] = what.first;
    EXPECT_THAT(read().strange, HasSubstr(what.second)) << file;
  }
  sysfs_ = whole;
  device_.name = "md_root";
  EXPECT_THAT(read().strange, HasSubstr("names=yes"));
}

TEST_F(GoldenRaid, LayoutsAreMdadmsWords) {
  EXPECT_EQ(layout_word("raid5", 2), "left-symmetric");
  EXPECT_EQ(layout_word("raid6", 18), "left-symmetric-6");
  EXPECT_EQ(layout_word("raid10", 258), "n2");
  EXPECT_EQ(layout_word("raid10", 513), "f2");
  EXPECT_EQ(layout_word("raid10", 66305), "o3");
  EXPECT_EQ(layout_word("raid10", 514), "");
  EXPECT_EQ(layout_word("raid0", 1), "original");
  EXPECT_EQ(layout_word("raid4", 0), "");
}

}  // namespace
}  // namespace ka::server
