// A golden machine on a mirror of two disks, with a volume group on it; and what of such machines is refused.
#include "tests/unit/server/plan_fixture.h"
#include "wire/storage/place.h"

namespace ka::server {
namespace {

using storage::Node;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class LayeredPlan : public ServerPlan {
 protected:
  LayeredPlan() {
    golden_.devices = {drive("sda", 8, 0, 10000),
                       part("sda", 1, 8, 1, 1000),
                       part("sda", 2, 8, 2, 8000),
                       drive("sdb", 8, 16, 10000),
                       part("sdb", 1, 8, 17, 1000),
                       part("sdb", 2, 8, 18, 8000),
                       made("md0", 9, 0, 999, {"sda1", "sdb1"}, "md0"),
                       made("md1", 9, 1, 7998, {"sda2", "sdb2"}, "md1"),
                       made("dm-0", 253, 0, 4000, {"md1"}, "vg0/root"),
                       made("dm-1", 253, 1, 512, {"md1"}, "vg0/swap")};
    mounts(
        "26 1 253:0 / / rw - ext4 /dev/mapper/vg0-root rw\n"
        "27 26 9:0 / /boot rw - ext4 /dev/md0 rw\n");
    golden_.swaps = parse_swaps("/dev/dm-1 partition 524284 0 -2\n");
    golden_.tables.clear();
    for (const char* disk : {"sda", "sdb"})
      golden_.tables[disk] = storage::read_sfdisk(R"({"partitiontable": {"label":"dos", "id":")" +
                                                  std::string(disk == std::string("sda") ? "0x1" : "0x2") +
                                                  R"(", "partitions": [{"node":"/dev/)" + disk +
                                                  R"(1", "start":2048, "size":2048000, "type":"fd"},
      {"node":"/dev/)" + disk + R"(2", "start":2050048, "size":16384000, "type":"fd"}]}})");
    golden_.probes.clear();
    golden_.answers.clear();
    golden_.probes["md0"] = {"ext4", "b007", "", ""};
    golden_.probes["vg0/root"] = {"ext4", "0001", "", ""};
    golden_.probes["vg0/swap"] = {"swap", "5a5a", "", ""};
    golden_.answers["md0"] = golden_.answers["vg0/root"] = ext(4096, 256, "has_journal extent");
    golden_.usage = {{"/", {1000 * mib, 40000}}, {"/boot", {100 * mib, 40}}};
    for (const char* file : {"/boot/grub/grub.cfg", "/boot/grub2/grub.cfg"})
      files_[file] =
          "menuentry Debian {\n  linux /vmlinuz-6.1 root=/dev/mapper/vg0-root ro\n  initrd /initrd.img-6.1\n}\n";
    golden_.files = files_of_map(files_);
    golden_.layers.nodes = {
        {"md0", {"sda1", "sdb1"}, {}, raid("0", "1.0", 0, 999)},
        {"md1", {"sda2", "sdb2"}, {}, raid("1", "1.2", mib, 7998)},
        {"vg0", {"md1"}, {}, storage::Group{uuid('g'), 4 * mib, {{uuid('p'), mib, 7996 * mib, {}}}, {}}},
        {"vg0/root", {"vg0"}, {}, volume('r', 4000)},
        {"vg0/swap", {"vg0"}, {}, volume('s', 512)}};
  }

  static BlockDevice made(const std::string& name, unsigned major, unsigned minor, std::uint64_t size_mib,
                          std::vector<std::string> below, const std::string& layer) {
    BlockDevice device = drive(name, major, minor, size_mib);
    device.below = std::move(below);
    device.layer = layer;
    return device;
  }
  static std::string uuid(char letter) {
    std::string text(38, letter);
    for (std::size_t at : {6, 11, 16, 21, 26, 31}) text[at] = '-';
    return text;
  }
  static storage::Raid raid(const std::string& name, const std::string& metadata, std::uint64_t offset,
                            std::uint64_t size_mib) {
    storage::Raid raid;
    raid.level = "raid1";
    raid.metadata = metadata;
    raid.uuid = "3aaa0122:29827cfa:5331ad66:ca76737" + name;
    raid.name = name;
    raid.offset = offset;
    raid.slots = 2;
    raid.bytes = size_mib * mib;
    return raid;
  }
  static storage::Volume volume(char letter, std::uint64_t size_mib) {
    storage::Volume volume;
    volume.uuid = uuid(letter);
    volume.size.bytes = size_mib * mib;
    return volume;
  }
};

TEST_F(LayeredPlan, AllThatIsMadeOfTheDrivesIsInIt) {
  const Plan made = plan();
  const storage::Storage& s = made.manifest.storage;
  EXPECT_EQ(storage::all<storage::Disk>(s).size(), 2u);
  EXPECT_THAT(s.at("md1").on, ElementsAre("sda2", "sdb2"));
  EXPECT_EQ(made.manifest.mounts[0].fs, "vg0/root:fs");
  EXPECT_EQ(made.manifest.mounts[1].fs, "md0:fs");
  EXPECT_TRUE(storage::get<storage::Swap>(s.find("vg0/swap:fs")));
  EXPECT_FALSE(s.find("sda1:fs"));
  EXPECT_THAT(made.warnings, Not(Contains(HasSubstr("sda1"))));
  // Each leg of the mirror that has /boot can start the clone.
  EXPECT_THAT(made.manifest.boot.bios->disks, ElementsAre("sda", "sdb"));
  EXPECT_THAT(plan_text(made, input_), HasSubstr("+ Storage :\n     sda: disk, 9.8 GiB\n"
                                                 "       sda:dos: dos table 0x00000001\n"
                                                 "         sda1: partition 1, type fd, 1000 MiB at 1 MiB\n"
                                                 "           md0: raid1, metadata 1.0, 2 devices, "));
  EXPECT_THAT(plan_text(made, input_), HasSubstr("           md1: as on sda2\n"));
}

TEST_F(LayeredPlan, DegradedSaysWhichDrivesMayBeMissing) {
  EXPECT_FALSE(plan().manifest.degraded);
  EXPECT_THAT(plan_text(plan(), input_), Not(HasSubstr("may be missing")));
  input_.options.degraded = true;
  const Plan made = plan();
  EXPECT_TRUE(made.manifest.degraded);
  EXPECT_THAT(
      plan_text(made, input_),
      HasSubstr("+ Nodes with fewer drives :\n     sda may be missing: degraded then md0, md1, each completed on "
                "the node by mdadm /dev/... --add DEVICE\n     sdb may be missing: "));
  std::get<storage::Raid>(golden_.layers.nodes[1].what).level = "linear";
  EXPECT_THAT(plan_text(plan(), input_), HasSubstr("     sdb must be there: md1 (linear"));
}

TEST_F(LayeredPlan, TheWholeFitsTheGoldenDisksAndLargerOnes) {
  const Plan made = plan();
  const storage::Storage& s = made.manifest.storage;
  storage::Places places = storage::place(s, storage::golden_disks(s));
  EXPECT_GE(places.at("md0").ground.bytes, 999 * mib);
  EXPECT_LT(places.at("md0").ground.bytes, 1000 * mib);
  EXPECT_EQ(places.at("vg0/root").ground.bytes, 4000 * mib);
  places = storage::place(s, {{"sda", {20000 * mib, 512}}, {"sdb", {15000 * mib, 512}}});
  EXPECT_EQ(places.at("vg0/root").ground.bytes, 4000 * mib);
}

TEST_F(LayeredPlan, ItShrinksOntoSmallerDisksIfThatWasAskedFor) {
  const std::map<storage::Id, storage::Ground> small = {{"sda", {4000 * mib, 512}}, {"sdb", {4000 * mib, 512}}};
  EXPECT_THROW(storage::place(plan().manifest.storage, small), Error);
  input_.options.shrink = true;
  const storage::Storage& s = plan().manifest.storage;
  const storage::Places places = storage::place(s, small);
  EXPECT_EQ(places.at("vg0/swap").ground.bytes, 512 * mib);
  EXPECT_LT(places.at("vg0/root").ground.bytes, 4000 * mib);
  EXPECT_GT(places.at("vg0/root").ground.bytes, 1000 * mib);
  EXPECT_LE(places.at("sda2").start + places.at("sda2").ground.bytes, 4000 * mib);
}

TEST_F(LayeredPlan, HalfOfAMirrorIsNoMachine) {
  input_.options.excluded_drives = {"sdb"};
  EXPECT_THAT(refusal(), HasSubstr("/ (dm-0, ext4): a part of it lies on sdb, which -X leaves out"));
}

TEST_F(LayeredPlan, WhatIsStrangeIsRefusedByItsNameHoweverFarBelow) {
  golden_.layers.strange["md1"] = "is degraded: sdb2 is missing; add it again (mdadm /dev/md1 --add …)";
  EXPECT_THAT(refusal(), HasSubstr("/ (dm-0, ext4): md1 is degraded: sdb2 is missing"));
}

TEST_F(LayeredPlan, AVolumeThatNobodyMountsIsMadeEmpty) {
  golden_.devices.push_back(made("dm-2", 253, 2, 100, {"md1"}, "vg0/old"));
  golden_.layers.nodes.push_back({"vg0/old", {"vg0"}, {}, volume('o', 100)});
  golden_.probes["vg0/old"] = {"ext4", "0004", "", ""};
  golden_.answers["vg0/old"] = ext(4096, 256, "extent");
  EXPECT_THAT(plan().warnings, Contains(HasSubstr("vg0/old (ext4) is not mounted: the clones get it empty")));
}

TEST_F(LayeredPlan, AVolumeIsCopiedBlockByBlock) {
  golden_.devices.push_back(made("dm-2", 253, 2, 100, {"md1"}, "vg0/win"));
  golden_.layers.nodes.push_back({"vg0/win", {"vg0"}, {}, volume('o', 100)});
  golden_.probes["vg0/win"] = {"", "", "", ""};
  input_.options.raw_partitions = {"vg0/win"};
  const Plan made = plan();
  ASSERT_EQ(made.manifest.streams.size(), 1u);
  EXPECT_EQ(made.manifest.streams[0].of, "vg0/win:fs");
  input_.options.raw_partitions = {"sda2"};
  EXPECT_THAT(refusal(), HasSubstr("-D sda2: something else is made of it here"));
}

TEST_F(LayeredPlan, ADescSaysHowLargeVolumesAre) {
  input_.group_descs["vg0"] = {"my.desc", "root 3000\nswap 256\n"};
  const Plan made = plan();
  EXPECT_EQ(storage::size_of(made.manifest.storage.at("vg0/root"))->bytes, 3000 * mib);
  input_.group_descs["vg0"].text = "rot 3000\n";
  EXPECT_THAT(refusal(), HasSubstr("my.desc"));
  input_.group_descs = {{"vg1", {"my.desc", "root 3000\n"}}};
  EXPECT_THAT(refusal(), HasSubstr("-p vg1: there is no such drive or volume group here; there are sda, sdb"));
}

TEST_F(LayeredPlan, AnArrayOfWholeDisks) {
  golden_.devices = {drive("sda", 8, 0, 10000), part("sda", 1, 8, 1, 9000), drive("sdb", 8, 16, 1000),
                     drive("sdc", 8, 32, 1000), made("md5", 9, 5, 999, {"sdb", "sdc"}, "md5")};
  mounts(
      "26 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
      "27 26 9:5 / /data rw - ext4 /dev/md5 rw\n");
  golden_.swaps.clear();
  golden_.tables.erase("sdb");
  golden_.tables["sda"] = storage::read_sfdisk(R"({"partitiontable": {"label":"dos", "id":"0x1", "partitions": [
      {"node":"/dev/sda1", "start":2048, "size":18432000, "type":"83"}]}})");
  golden_.probes = {{"sda1", {"ext4", "0001", "", ""}}, {"md5", {"ext4", "0005", "", ""}}};
  golden_.answers["sda1"] = golden_.answers["md5"] = ext(4096, 256, "has_journal extent");
  golden_.usage = {{"/", {1000 * mib, 40000}}, {"/data", {100 * mib, 40}}};
  golden_.layers.nodes = {{"md5", {"sdb", "sdc"}, {}, raid("5", "1.2", mib, 999)}};
  for (const char* file : {"/boot/grub/grub.cfg", "/boot/grub2/grub.cfg"})
    files_[file] =
        "menuentry Debian {\n  linux /boot/vmlinuz-6.1 root=UUID=0001 ro\n  initrd /boot/initrd.img-6.1\n}\n";
  golden_.files = files_of_map(files_);
  const Plan made = plan();
  EXPECT_EQ(storage::all<storage::Disk>(made.manifest.storage).size(), 3u);
  EXPECT_EQ(made.manifest.mounts[1].fs, "md5:fs");
  EXPECT_THAT(made.manifest.boot.bios->disks, ElementsAre("sda"));
}

}  // namespace
}  // namespace ka::server
