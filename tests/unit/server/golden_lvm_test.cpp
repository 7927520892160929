// What LVM 2.03.16 said of volume groups that it made (recorded/), and what a clone can have of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "server/command/desc_command.h"
#include "server/golden/lvm.h"
#include "wire/group_desc.h"

namespace ka::server {
namespace {

using storage::Group;
using storage::Node;
using storage::Pool;
using storage::Volume;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::uint64_t mib = 1 << 20;

class GoldenLvm : public testing::Test {
 protected:
  GoldenLvm() {
    for (unsigned i = 0; i < 7; ++i) {
      BlockDevice disk;
      disk.name = std::string("vd") + static_cast<char>('a' + i);
      disk.major = 254, disk.minor = 16 * i, disk.size = 1024 * mib;
      devices_.push_back(disk);
    }
  }

  static std::string recorded(const std::string& name) {
    return read_file(KA_SOURCE "/tests/unit/server/recorded/" + name);
  }

  // `change`: what of the report is another text.
  void read(const std::string& name, const std::string& from = "", const std::string& to = "") {
    std::string report = recorded(name + ".json");
    for (std::size_t at = 0; !from.empty() && (at = report.find(from, at)) != std::string::npos; at += to.size())
      report.replace(at, from.size(), to);
    std::map<std::string, std::string> mapped;
    const std::string lines = name == "lvm_partial" ? "" : recorded(name + ".mapped");
    for (std::string_view line : split(lines, '\n'))
      if (auto both = words(line); both.size() == 2) mapped[std::string(both[0])] = both[1];
    read_lvm(parse_lvm_report(report), devices_, mapped, "", layers_);
  }

  const Node& node(const std::string& id) const {
    for (const Node& node : layers_.nodes)
      if (node.id == id) return node;
    throw Error("there is no " + id);
  }
  Volume volume(const std::string& id) const { return storage::as<Volume>(node(id)); }

  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const Node& node : layers_.nodes) all.push_back(node.id);
    return all;
  }

  std::vector<std::string> devices_of(const std::string& id) const {
    std::vector<std::string> found;
    for (const auto& [device, bearer] : layers_.ids)
      if (bearer == id) found.push_back(device);
    return found;
  }

  std::string why_strange(const std::string& what) const {
    auto found = layers_.strange.find(what);
    return found == layers_.strange.end() ? "" : found->second;
  }

  std::vector<BlockDevice> devices_;
  Layers layers_;
};

TEST_F(GoldenLvm, AGroupStandsOnItsPhysicalVolumes) {
  read("lvm_report");
  EXPECT_THAT(node("my-vg").on, ElementsAre("vdc", "vdd", "vde"));
  const Group& group = storage::as<Group>(node("my-vg"));
  EXPECT_EQ(group.extent, 4 * mib);
  EXPECT_THAT(group.tags, ElementsAre("rack.7"));
  ASSERT_EQ(group.physical.size(), 3u);
  EXPECT_EQ(group.physical[0].start, mib);
  EXPECT_EQ(group.physical[0].bytes, 255 * 4 * mib);
  EXPECT_EQ(group.physical[0].uuid.size(), 38u);
  EXPECT_THAT(names(), ElementsAre("my-vg", "my-vg/fast-one", "my-vg/home", "my-vg/off", "my-vg/pool", "my-vg/r1",
                                   "my-vg/r5", "my-vg/root", "my-vg/slow", "my-vg/var"));
}

TEST_F(GoldenLvm, AVolumeHasTheShapeThatItsSegmentsHave) {
  read("lvm_report");
  const Volume root = volume("my-vg/root"), fast = volume("my-vg/fast-one"), r1 = volume("my-vg/r1"),
               r5 = volume("my-vg/r5");
  EXPECT_EQ(root.segment, "linear");
  EXPECT_EQ(root.size.bytes, 17 * 4 * mib);
  EXPECT_THAT(root.tags, ElementsAre("web"));
  EXPECT_THAT(root.only_on, ElementsAre("vdc", "vdd"));
  EXPECT_FALSE(root.read_only);
  EXPECT_EQ(fast.segment, "striped");
  EXPECT_EQ(fast.stripes, 2u);
  EXPECT_EQ(fast.copies, 1u);
  EXPECT_EQ(fast.stripe_size, 65536u);
  EXPECT_TRUE(fast.read_only);
  EXPECT_EQ(r1.segment, "raid1");
  EXPECT_EQ(r1.stripes, 1u);
  EXPECT_EQ(r1.copies, 2u);
  EXPECT_EQ(r1.size.bytes, 4 * 4 * mib);
  EXPECT_THAT(r1.only_on, ElementsAre("vdc", "vdd"));
  EXPECT_EQ(r5.segment, "raid5");
  EXPECT_EQ(r5.stripes, 2u);
  EXPECT_EQ(r5.copies, 1u);
  EXPECT_THAT(r5.only_on, IsEmpty());
}

TEST_F(GoldenLvm, AMirrorAndARaid10HaveCopies) {
  read("lvm_refused");
  EXPECT_EQ(volume("two/m").segment, "mirror");
  EXPECT_EQ(volume("two/m").copies, 2u);
  EXPECT_EQ(volume("two/m").stripes, 1u);
  EXPECT_EQ(why_strange("two"), "");
  EXPECT_EQ(why_strange("two/m"), "");
}

TEST_F(GoldenLvm, TheDescOfAGroupIsOneThatItTakes) {
  read("lvm_report");
  const std::string desc = group_desc(layers_, "my-vg");
  EXPECT_TRUE(desc.starts_with("# my-vg as it is; sizes are MiB\n")) << desc;
  EXPECT_THAT(desc, HasSubstr("\nroot 68\n"));
  EXPECT_THAT(desc, HasSubstr("\npool "));
  EXPECT_LT(desc.find("\npool "), desc.find("\nhome ")) << desc;
  storage::Storage golden{layers_.nodes};
  wire::apply_group_desc(wire::desc_of_group(desc, "desc"), "desc", "my-vg", golden);
  EXPECT_EQ(golden.nodes, layers_.nodes);
}

TEST_F(GoldenLvm, ThereIsNoDescOfWhatIsNoGroupOrCannotBeCloned) {
  read("lvm_report");
  EXPECT_THROW(group_desc(layers_, "other"), Error);
  EXPECT_THROW(group_desc(layers_, "my-vg/root"), Error);
  layers_.strange["my-vg"] = "is shared by machines";
  try {
    group_desc(layers_, "my-vg");
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "desc my-vg: is shared by machines");
  }
}

TEST_F(GoldenLvm, ThinVolumesStandOnTheirPool) {
  read("lvm_report");
  EXPECT_THAT(node("my-vg/home").on, ElementsAre("my-vg/pool"));
  EXPECT_EQ(volume("my-vg/home").segment, "thin");
  EXPECT_EQ(volume("my-vg/home").size.bytes, 200 * mib);
  const Pool& pool = storage::as<Pool>(node("my-vg/pool"));
  EXPECT_EQ(pool.chunk, 131072u);
  EXPECT_EQ(pool.metadata, 4 * mib);
  EXPECT_EQ(pool.discards, "passdown");
  EXPECT_TRUE(pool.zeroes);
  EXPECT_EQ(pool.size.bytes, 64 * mib);
}

TEST_F(GoldenLvm, WhatIsLeftOutIsSaid) {
  read("lvm_report");
  EXPECT_THAT(layers_.not_kept["my-vg"],
              ElementsAre("its snapshot homesnap of home is left out", "its snapshot varsnap of var is left out"));
  EXPECT_THAT(layers_.not_kept["my-vg/slow"], ElementsAre("its cache is left out: the clones get slow without one"));
  EXPECT_EQ(volume("my-vg/slow").segment, "linear");
  EXPECT_THAT(volume("my-vg/slow").only_on, ElementsAre("vdd"));
  EXPECT_THAT(layers_.not_kept["my-vg/off"],
              ElementsAre("is not active: the clones get it empty; lvchange -ay my-vg/off shows what is on it"));
}

TEST_F(GoldenLvm, ASnapshotOfAPoolThatIsInUseIsAVolumeAsOthers) {
  const std::string snapshot = R"("lv_metadata_size":"", "lv_device_open":"unknown"},
{"lv_name":"[lvol0_pmspare]")";
  read("lvm_report", snapshot, R"("lv_metadata_size":"", "lv_device_open":"open"},
{"lv_name":"[lvol0_pmspare]")");
  EXPECT_THAT(node("my-vg/homesnap").on, ElementsAre("my-vg/pool"));
  EXPECT_THAT(layers_.not_kept["my-vg/homesnap"][0], HasSubstr("is a snapshot of home that is in use"));
}

TEST_F(GoldenLvm, OnlyAVolumeItselfBearsItsId) {
  read("lvm_report");
  for (const char* id :
       {"my-vg/root", "my-vg/fast-one", "my-vg/home", "my-vg/r1", "my-vg/r5", "my-vg/slow", "my-vg/var"})
    EXPECT_EQ(devices_of(id).size(), 1u) << id;
  EXPECT_EQ(devices_of("my-vg/root")[0], "dm-0");
  EXPECT_EQ(devices_of("my-vg/home")[0], "dm-19");
  EXPECT_EQ(why_strange("dm-3"), "is a part of my-vg/r1, and not cloned by itself");
  EXPECT_EQ(why_strange("dm-17"), "is a part of my-vg/pool, and not cloned by itself");
  EXPECT_EQ(why_strange("dm-24"), "is a part of my-vg/slow, and not cloned by itself");
  EXPECT_EQ(why_strange("dm-22"), "is my-vg/varsnap, a snapshot of var; snapshots are not cloned");
}

TEST_F(GoldenLvm, WhatNoCloneCanHaveIsRefusedByName) {
  read("lvm_refused");
  EXPECT_THAT(why_strange("gone"), HasSubstr("exported volume group; vgimport gone"));
  EXPECT_THAT(why_strange("theirs"), HasSubstr("of another machine, by its system ID node17"));
  EXPECT_THAT(why_strange("two/mixed"), HasSubstr("parts of different types (linear, striped)"));
  EXPECT_THAT(why_strange("two/sums"), HasSubstr("dm-integrity"));
  EXPECT_THAT(why_strange("two/sums"), HasSubstr("lvconvert --raidintegrity n"));
  EXPECT_THAT(why_strange("vdg"), HasSubstr("physical volume of no volume group; pvremove /dev/vdg"));
  EXPECT_EQ(why_strange("two/one"), "");
}

TEST_F(GoldenLvm, OfAnotherMachineIsWhatHasItsSystemId) {
  const std::string report = recorded("lvm_refused.json");
  read_lvm(parse_lvm_report(report), devices_, {}, "node17", layers_);
  EXPECT_EQ(why_strange("theirs"), "");
}

TEST_F(GoldenLvm, SharedAndClusteredGroupsAreRefused) {
  read("lvm_report", R"("vg_lock_type":"")", R"("vg_lock_type":"sanlock")");
  EXPECT_THAT(why_strange("my-vg"), HasSubstr("machines share (lvmlockd, sanlock)"));
  layers_ = {};
  read("lvm_report", R"("vg_clustered":"")", R"("vg_clustered":"clustered")");
  EXPECT_THAT(why_strange("my-vg"), HasSubstr("of a cluster"));
}

TEST_F(GoldenLvm, AGroupWithoutOneOfItsPhysicalVolumesIsRefused) {
  read("lvm_partial");
  EXPECT_THAT(why_strange("two"), HasSubstr("1 of 3 physical volumes are missing"));
  EXPECT_THAT(why_strange("two"), HasSubstr("vgreduce --removemissing two"));
}

TEST_F(GoldenLvm, AVolumeOfATypeThatNoCloneHasIsRefused) {
  read("lvm_report", R"("segtype":"striped")", R"("segtype":"vdo")");
  EXPECT_THAT(why_strange("my-vg/fast-one"), HasSubstr("of the type vdo"));
}

TEST_F(GoldenLvm, AThinVolumeOverAnExternalOriginIsRefused) {
  read("lvm_report", R"("origin":"home")", R"("origin":"var")");
  EXPECT_THAT(why_strange("my-vg/homesnap"), HasSubstr("over my-vg/var (an external origin)"));
}

TEST_F(GoldenLvm, AGroupCalledAsADiskIsHasNoPlaceInAGraph) {
  read("lvm_report", R"("vg_name":"my-vg")", R"("vg_name":"vda")");
  EXPECT_THAT(names(), IsEmpty());
  EXPECT_THAT(why_strange("dm-0"),
              HasSubstr("has the name of another device of this machine; rename it (vgrename vda"));
  EXPECT_THAT(why_strange("vdc"), HasSubstr("is a physical volume of vda, which has the name of another device"));
}

TEST_F(GoldenLvm, TwoGroupsOfOneNameAreRefused) {
  read("lvm_refused", R"("vg_name":"gone")", R"("vg_name":"two")");
  EXPECT_THAT(names(), ElementsAre("theirs"));
  EXPECT_THAT(why_strange("dm-3"), HasSubstr("has the name of another volume group of this machine"));
  EXPECT_THAT(why_strange("vde"), HasSubstr("(vgrename ylHTqz-ufb7-bke8-odXG-L8HO-iUsY-S5Yvrb NEW-NAME)"));
}

TEST_F(GoldenLvm, AnythingElseIsNoReport) {
  EXPECT_THROW(parse_lvm_report("  WARNING"), Error);
  EXPECT_THROW(parse_lvm_report("{}"), Error);
  EXPECT_THROW(read("lvm_report", "vg_extent_size", "vg_size"), Error);
  EXPECT_THROW(read("lvm_report", R"("lv_size":"71303168")", R"("lv_size":"68.00m")"), Error);
  EXPECT_THAT(parse_lvm_report(R"({"report": [{"pv": []}]})")[0].group, IsEmpty());
}

}  // namespace
}  // namespace ka::server
