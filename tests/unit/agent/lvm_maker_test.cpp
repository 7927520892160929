// What makes a volume group, and what a clone's own LVM is told of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/storage/kinds.h"
#include "base/text.h"
#include "tests/unit/scratch.h"

namespace ka::agent {
namespace {

using storage::Group;
using storage::mib;
using storage::Pool;
using storage::Volume;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::string uuid(char letter) {
  std::string text = "------";
  for (std::size_t size : {6, 4, 4, 4, 4, 4, 6}) text += std::string(size, letter) + "-";
  return text.substr(6, 38);
}

Volume volume(char letter, const std::string& segment, std::uint64_t extents) {
  Volume made;
  made.uuid = uuid(letter);
  made.segment = segment;
  made.size.bytes = extents * 4 * mib;
  return made;
}

class LvmMaker : public testing::Test {
 protected:
  LvmMaker() {
    graph_.nodes = {{"sda", {}, {}, storage::Disk{1001 * mib, 512, ""}},
                    {"sdb", {}, {}, storage::Disk{1001 * mib, 512, ""}},
                    {"my-vg", {"sda", "sdb"}, {}, Group{uuid('G'), 4 * mib, {}, {"rack.7"}}}};
    group().physical = {{uuid('P'), mib, 1000 * mib, {}}, {uuid('Q'), 192 << 10, 1000 * mib, {"old"}}};
  }

  Group& group() { return std::get<Group>(graph_.at("my-vg").what); }

  void add(const std::string& name, const storage::What& what, const storage::Id& on = "my-vg") {
    graph_.nodes.push_back({"my-vg/" + name, {on}, {}, what});
  }

  using Step = std::vector<Command> (*)(const Job&);
  std::vector<std::string> commands(Step step) {
    places_ = storage::place(graph_, storage::golden_disks(graph_));
    const storage::Node& node = graph_.at("my-vg");
    const Job job{node,
                  "",
                  places_.at("my-vg").ground,
                  {{"/dev/vda", places_.at("sda").ground}, {"/dev/vdb", places_.at("sdb").ground}},
                  "node7",
                  &graph_,
                  &places_};
    std::vector<std::string> texts;
    for (const Command& command : step(job)) texts.push_back(command.text());
    return texts;
  }
  std::vector<std::string> made() { return commands(maker(graph_.at("my-vg")).make); }

  std::string making(const std::string& name) {
    for (const std::string& command : made())
      if (command.find("--name " + name + " ") != std::string::npos) return command;
    return "";
  }

  storage::Storage graph_;
  storage::Places places_;
};

const std::string only = "--devices /dev/vda,/dev/vdb ";

TEST_F(LvmMaker, PhysicalVolumesKeepTheirUuidsAndWhereTheirExtentsLie) {
  const auto all = made();
  EXPECT_EQ(all[0], "lvm pvcreate --devices /dev/vda -ff --yes --zero y --uuid " + uuid('P') +
                        " --norestorefile --dataalignment 1048576b --metadatasize 1044480b /dev/vda");
  EXPECT_THAT(all[1], HasSubstr("--dataalignment 196608b --metadatasize 192512b /dev/vdb"));
  EXPECT_EQ(all[2],
            "lvm vgcreate " + only + "--yes --physicalextentsize 4194304b --addtag rack.7 my-vg /dev/vda /dev/vdb");
  EXPECT_EQ(all[3], "lvm pvchange " + only + "--addtag old /dev/vdb");
}

TEST_F(LvmMaker, NothingButItsOwnDevicesIsEverLookedAt) {
  Volume root = volume('R', "linear", 10);
  root.read_only = true;
  add("root", root);
  for (Step step : {maker(graph_.at("my-vg")).make, maker(graph_.at("my-vg")).stop, maker(graph_.at("my-vg")).finish})
    for (const std::string& command : commands(step))
      if (command.starts_with("lvm ") && !command.starts_with("lvm pvcreate"))
        EXPECT_THAT(command, HasSubstr(" " + only)) << command;
}

TEST_F(LvmMaker, AVolumeGetsJustTheExtentsThatItsPlaceSays) {
  Volume root = volume('R', "linear", 10);
  root.tags = {"web"};
  add("root", root);
  add("var", volume('V', "linear", 5));
  EXPECT_EQ(making("root"), "lvm lvcreate " + only +
                                "--yes --activate n --name root --addtag web --type linear --extents 10 --zero n "
                                "--wipesignatures n my-vg /dev/vda:0-9");
  EXPECT_THAT(making("var"), HasSubstr(" --extents 5 "));
}

TEST_F(LvmMaker, StripesAndMirrorsAreAsOnTheGoldenMachine) {
  Volume fast = volume('F', "striped", 8), safe = volume('S', "raid1", 4), old = volume('O', "mirror", 3);
  fast.stripes = 2, fast.stripe_size = 65536;
  safe.copies = old.copies = 2;
  add("fast", fast);
  add("safe", safe);
  add("old", old);
  EXPECT_THAT(making("fast"),
              HasSubstr("--type striped --extents 8 --zero n --wipesignatures n --stripes 2 --stripesize "
                        "65536b my-vg /dev/vd"));
  EXPECT_THAT(making("safe"),
              HasSubstr("--type raid1 --extents 4 --zero n --wipesignatures n --mirrors 1 --nosync my-vg"));
  EXPECT_THAT(making("old"), HasSubstr("--mirrors 1 --mirrorlog core --nosync"));
}

TEST_F(LvmMaker, APhysicalVolumeThatWentIsFound) {
  Scratch sysfs;
  sysfs.directory("/class/block/vda");
  sysfs.directory("/class/block/vdb2");
  const storage::Node& node = graph_.at("my-vg");
  const Job job{node, "", {}, {{"/dev/vda", {}}, {"/dev/vdb2", {}}, {"/dev/mapper/secret", {}}}};
  EXPECT_EQ(maker(node).lost(job, sysfs.root()), "");
  std::filesystem::remove(sysfs.at("/class/block/vdb2"));
  EXPECT_EQ(maker(node).lost(job, sysfs.root()), "vdb2");
}

TEST_F(LvmMaker, WhatHasToBeSyncedWaitsUntilTheFilesAreThere) {
  Volume safe = volume('S', "raid10", 4);
  safe.stripes = 1, safe.copies = 2, safe.stripe_size = 65536;
  add("safe-one", safe);
  add("mirrored", volume('M', "raid1", 4));
  std::get<Volume>(graph_.at("my-vg/mirrored").what).copies = 2;
  const auto all = made();
  EXPECT_EQ(all.back(), "dmsetup message my--vg-safe--one 0 frozen");
  EXPECT_THAT(making("safe-one"), Not(HasSubstr("--nosync")));
  EXPECT_THAT(all, Not(Contains(HasSubstr("message my--vg-mirrored"))));
}

TEST_F(LvmMaker, APoolComesBeforeItsThinVolumes) {
  Pool pool;
  pool.uuid = uuid('T');
  pool.chunk = 131072;
  pool.metadata = 8 * mib;
  pool.discards = "passdown";
  pool.size.bytes = 64 * mib;
  Volume home = volume('H', "thin", 50);
  add("home", home, "my-vg/pool");
  add("pool", pool);
  EXPECT_THAT(making("pool"), HasSubstr("--type thin-pool --extents 16 --chunksize 131072b --poolmetadatasize 8388608b "
                                        "--discards passdown --zero y my-vg /dev/vda:0-19"));
  EXPECT_THAT(making("home"), HasSubstr("--type thin --virtualsize 209715200b --thinpool pool my-vg"));
  const auto all = made();
  auto at = [&all](const std::string& text) {
    return std::find_if(all.begin(), all.end(), [&](const auto& c) { return c.find(text) != std::string::npos; });
  };
  EXPECT_LT(at("--name pool "), at("--name home "));
  EXPECT_THAT(*at("vgcfgrestore"), HasSubstr("--force"));
}

TEST_F(LvmMaker, GoldenUuidsAreThereBeforeAnythingRuns) {
  group().uuid = uuid('G');
  add("ro.ot", volume('R', "linear", 10));
  const auto all = made();
  std::vector<std::string> programs;
  for (const std::string& command : all) {
    const auto words = ka::words(command);
    programs.emplace_back(words[0] == "lvm" ? words[1] : words[0]);
  }
  EXPECT_THAT(programs, ElementsAre("pvcreate", "pvcreate", "vgcreate", "pvchange", "lvcreate", "vgcfgbackup", "sed",
                                    "vgcfgrestore", "sh", "vgchange"));
  EXPECT_THAT(all[6], HasSubstr("/^my-vg {/,/\tid = /s/\tid = \"[^\"]*\"/\tid = \"" + uuid('G') + "\"/"));
  EXPECT_THAT(all[6], HasSubstr("/^\t\tro[.]ot {/,/\tid = /s/\tid = \"[^\"]*\"/\tid = \"" + uuid('R') + "\"/"));
  EXPECT_THAT(all[8], HasSubstr(uuid('G') + " " + uuid('R')));
  EXPECT_THAT(all[9], StartsWith("lvm vgchange " + only + "--activate y my-vg"));
}

TEST_F(LvmMaker, ReadOnlyIsAVolumeOnlyWhenAllIsOnIt) {
  Volume root = volume('R', "linear", 10);
  root.read_only = true;
  add("root", root);
  EXPECT_THAT(made(), Not(Contains(HasSubstr("permission"))));
  EXPECT_THAT(commands(maker(graph_.at("my-vg")).finish),
              ElementsAre("lvm lvchange " + only + "--permission r my-vg/root"));
}

TEST_F(LvmMaker, AClonesKernelNeedsTheTargetsOfItsVolumes) {
  auto modules = [this](const storage::Id& id) { return maker(graph_.at(id)).needed_modules(graph_.at(id)); };
  add("root", volume('R', "linear", 10));
  add("safe", volume('S', "raid5_ls", 10));
  add("old", volume('O', "mirror", 10));
  EXPECT_THAT(modules("my-vg"), ElementsAre("dm_mod"));
  EXPECT_THAT(modules("my-vg/root"), ElementsAre());
  EXPECT_THAT(modules("my-vg/safe"), ElementsAre("dm_raid"));
  EXPECT_THAT(modules("my-vg/old"), ElementsAre("dm_mirror"));
}

TEST_F(LvmMaker, DashesAreDoubledInDeviceNames) {
  add("ro-ot", volume('R', "linear", 10));
  const storage::Node& node = graph_.at("my-vg/ro-ot");
  EXPECT_EQ(maker(node).device(node, ""), "/dev/mapper/my--vg-ro--ot");
}

}  // namespace
}  // namespace ka::agent
